//! Known answers: the files of tests/cases, made by a program that shares nothing with this crate.
#![allow(dead_code, unreachable_pub)]

pub mod differences;
pub mod double;
pub mod draw;
pub mod graphs;
pub mod morse;

use faer::Mat;
use smale::landscape::Family;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;

/// A landscape with everything that is known about it.
pub struct Case {
    pub name: String,
    pub landscape: Box<dyn Family>,
    pub counts: Vec<usize>,
    pub points: Vec<KnownPoint>,
    pub edges: Vec<(usize, [usize; 2])>,
    pub backward: Vec<(usize, Vec<Option<usize>>)>,
}

pub struct KnownPoint {
    pub index: usize,
    pub energy: f64,
    pub x: Vec<f64>,
}

fn number(value: &toml::Value) -> f64 {
    value.as_float().or(value.as_integer().map(|i| i as f64)).expect("a number")
}

fn numbers(value: &toml::Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

/// The cases whose file name starts with `prefix`, in alphabetical order.
pub fn cases(prefix: &str) -> Vec<Case> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("tests/cases is there")
        .map(|e| e.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with(prefix) && n.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no case {prefix}*");
    names.iter().map(|n| load(&format!("{folder}/{n}"), n)).collect()
}

fn load(path: &str, name: &str) -> Case {
    let table: toml::Table = std::fs::read_to_string(path).expect("readable").parse().expect("TOML");
    let landscape = &table["landscape"];
    let rows: Vec<Vec<f64>> = landscape["points"].as_array().expect("rows").iter().map(numbers).collect();
    let data = Mat::from_fn(rows[0].len(), rows.len(), |i, k| rows[k][i]);
    let weights = landscape.get("weights").map_or(vec![1.0; rows.len()], numbers);
    let confinement = landscape.get("confinement").map_or(0.0, number);
    let landscape: Box<dyn Family> = match landscape["kind"].as_str() {
        Some("mixture") => {
            let noise = Noise::Fixed { a: 1.0, sigma: number(&landscape["sigma"]) };
            Box::new(Mixture::new(data, weights, noise, confinement).expect("valid"))
        }
        Some("modern-hopfield") => Box::new(
            ModernHopfield::new(data, weights, number(&landscape["beta"]), confinement).expect("valid"),
        ),
        other => panic!("unknown kind {other:?}"),
    };
    let place = |v: &toml::Value| v.as_integer().map(|i| i as usize);
    let list = |key: &str| table.get(key).and_then(|v| v.as_array()).cloned().unwrap_or_default();
    Case {
        name: name.to_string(),
        landscape,
        counts: numbers(&table["counts"]).iter().map(|c| *c as usize).collect(),
        points: list("points")
            .iter()
            .map(|p| KnownPoint {
                index: place(&p["index"]).expect("index"),
                energy: number(&p["energy"]),
                x: numbers(&p["x"]),
            })
            .collect(),
        edges: list("edges")
            .iter()
            .map(|e| {
                let ends: Vec<usize> =
                    e["minima"].as_array().expect("two").iter().filter_map(place).collect();
                (place(&e["saddle"]).expect("saddle"), [ends[0], ends[1]])
            })
            .collect(),
        backward: list("backward")
            .iter()
            .map(|e| {
                let ends = e["ends"].as_array().expect("ends").iter().map(place).collect();
                (place(&e["saddle"]).expect("saddle"), ends)
            })
            .collect(),
    }
}
