//! Studies through the library: relative paths, what is laid over them, what they build.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use smale::landscape::Shape;
use smale::study::{Override, Section, Study};

fn shipped(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name).display().to_string()
}

fn set(typed: &str) -> Override {
    Override::parse(typed).unwrap()
}

#[test]
fn paths_are_relative_to_the_study() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("studies")).unwrap();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/p.csv"), "1,0,0\n-1,0,0\n").unwrap();
    let path = folder.path().join("studies/two.toml");
    let text = "seed = 7\n[landscape]\nkind = \"mixture\"\ndata = \"../data/p.csv\"\nsigma = 0.5\n";
    std::fs::write(&path, text).unwrap();
    let study = Study::read(&path, &[]).unwrap();
    assert_eq!(study.seed, 7);
    assert_eq!(study.default_folder(), Path::new("two.results"));
    let landscape = study.build().unwrap();
    assert_eq!(landscape.dim(), 3);
    // The gradient of a mixture vanishes by symmetry between two equal memories.
    let mut gradient = [1.0; 3];
    landscape.gradient(&[0.0; 3], &mut gradient);
    assert!(gradient.iter().all(|g| g.abs() < 1e-15));
}

#[test]
fn flags_alone_make_a_study() {
    let data = shipped("square.csv");
    let study = Study::from_flags(&[
        Override::text("--landscape", &["landscape", "kind"], "mixture"),
        Override::text("--data", &["landscape", "data"], &data),
        set("sigma=0.25"),
        set("rows=3"),
        set("region.box.lower=-2"),
        set("region.box.upper=[2, 3]"),
    ])
    .unwrap();
    assert_eq!(study.default_folder(), Path::new("smale.results"));
    let landscape = study.build().unwrap();
    assert_eq!(landscape.data().unwrap().ncols(), 3);
    assert!(landscape.parameters().contains(&("sigma".into(), 0.25)));
    let region = study.region_for(2).unwrap().unwrap();
    assert_eq!(region.shape, Shape::Box { lower: vec![-2.0, -2.0], upper: vec![2.0, 3.0] });
    assert!(study.region_for(3).is_err());
}

#[test]
fn a_formula_takes_its_parameters_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    let text =
        "[landscape]\nkind = \"formula\"\ndim = 1\nenergy = \"a*x[0]^2\"\n[landscape.parameters]\na = 0.5\n";
    std::fs::write(&path, text).unwrap();
    let energy = |over: &[Override]| Study::read(&path, over).unwrap().build().unwrap().energy(&[2.0]);
    assert_eq!(energy(&[]), 2.0);
    assert_eq!(energy(&[set("a=3")]), 12.0);
    assert_eq!(energy(&[set("parameters.a=4")]), 16.0);
}

#[test]
fn sections_can_be_made_without_a_file() {
    let mut section =
        Section::from_pairs("landscape", &["sigma=0.5", "name=plain text", "w=[1, 2]", "on=true"]).unwrap();
    assert_eq!(section.need_number("sigma").unwrap(), 0.5);
    assert_eq!(section.text("name").unwrap().as_deref(), Some("plain text"));
    assert_eq!(section.numbers("w").unwrap(), Some(vec![1.0, 2.0]));
    assert_eq!(section.remaining(), ["on"]);
    assert!(section.finish(&[]).is_err());
}
