//! Certificates of many orbits: interrupted and taken up again, by any number of threads, with points that are left out.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use faer::Mat;
use smale::Control;
use smale::certificate::build::{Built, Options, build};
use smale::certificate::format::Level;
use smale::control::Progress;
use smale::critical::CriticalSet;
use smale::landscape::mixture::{Mixture, Noise};

use super::{points, proven};

const CORNERS: usize = 9;

/// Gaussians on the corners of a simplex in 17 dimensions, six sigma apart: each pair has its saddle, near its middle, which makes more pairs of
/// orbits than are followed at a time.
fn simplex() -> Mixture {
    let corner = |i: usize, k: usize| if i < CORNERS { f64::from(u8::from(i == k)) } else { 0.01 * i as f64 };
    let sigma = 2f64.sqrt() / 6.0;
    Mixture::new(Mat::from_fn(17, CORNERS, corner), vec![1.0; CORNERS], Noise::Fixed { a: 1.0, sigma }, 0.0)
        .unwrap()
}

fn built(
    landscape: &Mixture,
    set: &CriticalSet,
    parts: Option<&Path>,
    control: &Control<'_>,
) -> Result<Built, String> {
    let options =
        Options { level: Some(Level::Memories), parts: parts.map(Path::to_path_buf), ..Options::default() };
    build(landscape, set, &options, control)
}

/// Stops as soon as so many halves are known.
fn interrupted(landscape: &Mixture, set: &CriticalSet, parts: &Path, after: usize) -> String {
    let stop = AtomicBool::new(false);
    let watch = |p: Progress<'_>| {
        if p.stage == "tubes" && p.done >= after {
            stop.store(true, Ordering::Relaxed);
        }
    };
    built(landscape, set, Some(parts), &Control { stop: &stop, progress: &watch }).unwrap_err()
}

#[test]
fn what_was_interrupted_is_taken_up_and_is_the_same() {
    let (landscape, folder) = (simplex(), tempfile::tempdir().unwrap());
    let set = points(&landscape, None);
    let whole = built(&landscape, &set, None, &Control::quiet()).unwrap();
    let pairs = CORNERS * (CORNERS - 1) / 2;
    let claim = proven(&whole.text);
    assert_eq!((claim.counts, claim.edges), (vec![CORNERS, pairs], 2 * pairs));
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let parts = folder.path().join(format!("{threads}.jsonl"));
        pool.install(|| {
            // Before anything is known, and between two batches.
            for after in [0, 1] {
                let why = interrupted(&landscape, &set, &parts, after);
                assert!(why.contains("interrupted"), "{why}");
            }
            let lines = std::fs::read_to_string(&parts).unwrap().lines().count();
            assert!(lines > 1 && lines <= 1 + pairs, "{lines}");
            let again = built(&landscape, &set, Some(&parts), &Control::quiet()).unwrap();
            assert!(again.text == whole.text, "{threads} threads");
            assert!(!parts.exists());
        });
    }
}

/// Without one of the minima the orbits to it end nowhere: its saddles are left out, and what is left keeps its ends.
#[test]
fn points_whose_orbits_end_nowhere_are_left_out() {
    let landscape = simplex();
    let mut set = points(&landscape, None);
    set.points.remove(3);
    let found = built(&landscape, &set, None, &Control::quiet()).unwrap();
    let (minima, pairs) = (CORNERS - 1, (CORNERS - 1) * (CORNERS - 2) / 2);
    let claim = proven(&found.text);
    assert_eq!((claim.counts, claim.edges), (vec![minima, pairs], 2 * pairs));
    assert_eq!(found.left_out.len(), minima);
    let zeros = &found.certificate.zeros;
    for edge in &found.certificate.edges {
        let (saddle, end) = (&zeros[edge.of], &zeros[edge.end.unwrap()]);
        assert_eq!((saddle.index, end.index), (1, 0));
        // Of the corner at which it ends the saddle has half the coordinate, of the others but one next to nothing.
        let corner = (0..CORNERS).find(|k| end.center.0[*k] > 0.9).unwrap();
        assert!((saddle.center.0[corner] - 0.5).abs() < 0.05, "{edge:?}");
    }
}
