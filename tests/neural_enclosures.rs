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
fn planar() {
    let e = centroids(&["training=60"]);
    let c = e.enclose().unwrap();
    let s = c.system();
    let limits = smale::rigor::prune::Limits::default();
    for r in [3.0, 10.0, 273.0] {
        let within = [Interval::new(-r, r); 2];
        let start = std::time::Instant::now();
        let zeros = smale::rigor::prune::zeros(s.as_ref(), &within, &limits, &|| {
            start.elapsed().as_secs_f64() > 100.0
        });
        println!(
            "r {r}: {} found, complete {}, boxes {}, evaluations {}, {:?}, {:.2} s",
            zeros.found.len(),
            zeros.is_complete(),
            zeros.boxes,
            zeros.evaluations,
            zeros.ended,
            start.elapsed().as_secs_f64()
        );
    }
    for z in &[0.0] {
        println!("L {} {z}", c.lipschitz(&[0.7, -0.4], 1e-6));
    }
    println!("everywhere {:?}", c.everywhere().map(|e| e.radius));
}
