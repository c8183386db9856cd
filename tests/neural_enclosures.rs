//! Learned energies in verified arithmetic: against JAX, against values in ordinary arithmetic, and by how they shrink.

#![allow(clippy::unwrap_used)]

use faer::Mat;
use smale::data::read_tensors;
use smale::landscape::neural::activation::Activation;
use smale::landscape::neural::{self, Neural};
use smale::landscape::{Enclose, Family, Landscape};
use smale::rigor::{Expansion, Interval};
use smale::study::Section;

fn build(pairs: &[&str]) -> Box<dyn Family> {
    let mut section = Section::from_pairs("landscape", pairs).unwrap();
    (neural::KIND.build)(&mut section).unwrap_or_else(|e| panic!("{pairs:?}: {e}"))
}

fn centroids(more: &[&str]) -> Box<dyn Family> {
    let all = ["weights=data/centroids/step-*.safetensors", "activation=softplus", "lambda=1.0"];
    build(&[&all, more].concat())
}

#[test]
fn timing() {
    let e = centroids(&["training=60"]);
    let c = e.enclose().unwrap();
    let s = c.system();
    let mut out = Expansion::new(2);
    for h in [1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-6, 0.0] {
        let (a, b) = (0.7, -0.4);
        let x = [Interval::about(a, h), Interval::about(b, h)];
        let start = std::time::Instant::now();
        for _ in 0..100 {
            s.expand(&x, &[a, b], &mut out);
        }
        let t = start.elapsed().as_secs_f64() / 100.0;
        println!(
            "h {h}: {:.1} us, g {:?} +- {:.2e}, range +- {:.2e}, H {:?}",
            t * 1e6,
            out.value[0].mid(),
            out.value[0].rad(),
            out.range[0].rad(),
            out.jacobian
        );
    }
    println!("L {} {} ", c.lipschitz(&[0.7, -0.4], 0.01), c.lipschitz(&[0.7, -0.4], 0.1));
    println!("everywhere {:?}", c.everywhere().map(|e| e.radius));
}
