//! Simulated first passages against integrals and rates.

use smale::control::Control;
use smale::measure::generator::line::Line;
use smale::measure::passage::{Options, first_passage};
use smale::measure::rates::{self, rates};

use crate::cases::{DOUBLE, Solved, formula};

/// The passage ends where the quadratic form of the well at 1 is small: the integral has it in closed form.
#[test]
fn simulated_passages_meet_the_integral() {
    let double = formula(1, DOUBLE);
    let eps = 0.06;
    let options = Options { walkers: 600, seed: 3, ..Options::default() };
    let found = first_passage(&double, [&[-1.0], &[1.0]], eps, &options, &Control::quiet()).unwrap();
    // (x - 1)^2 H <= eps (1 + 2 sqrt 2), H = 2.
    let edge = 1.0 - (eps * (1.0 + 8.0_f64.sqrt()) / 2.0).sqrt();
    let line = Line::new(&double, &[-1.0, 0.0, edge, 1.0], eps, 2.0).unwrap();
    let truth = line.passage_time(-1.0, edge).unwrap();
    println!("{found:?} {truth}");
    assert_eq!((found.arrived, found.censored), (600, 0));
    assert!(found.low < truth && truth < found.high);
    // Walkers that are given up early say the same with less certainty.
    let options = Options { walkers: 600, seed: 4, horizon: 0.5 * truth, ..Options::default() };
    let cut = first_passage(&double, [&[-1.0], &[1.0]], eps, &options, &Control::quiet()).unwrap();
    println!("{cut:?}");
    assert!(cut.censored > 200 && cut.high - cut.low > found.high - found.low);
    assert!(cut.low < truth && truth < cut.high);
    // No arrival: a bound from below alone.
    let options = Options { walkers: 40, seed: 5, horizon: 0.5, ..Options::default() };
    let none = first_passage(&double, [&[-1.0], &[1.0]], eps, &options, &Control::quiet()).unwrap();
    assert!(none.mean.is_none() && none.low < truth && none.high == f64::INFINITY);
}

#[test]
fn walkers_do_not_depend_on_threads_and_wells_must_be_apart() {
    let double = formula(1, DOUBLE);
    let options = Options { walkers: 70, seed: 1, horizon: 40.0, ..Options::default() };
    let run = || first_passage(&double, [&[-1.0], &[1.0]], 0.1, &options, &Control::quiet()).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(run);
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(run);
    assert_eq!(one, three);
    let why = first_passage(&double, [&[-1.0], &[1.0]], 2.0, &options, &Control::quiet()).unwrap_err();
    assert!(why.to_string().contains("overlap"));
    assert!(first_passage(&double, [&[-1.0], &[0.0]], 0.1, &options, &Control::quiet()).is_err());
}

/// In five dimensions, where there is no generator: the chain and the walkers agree.
#[test]
fn beyond_three_dimensions_walkers_stand_beside_the_chain() {
    let energy = "(x[0]^2 - 1)^2/4 + 0.1*x[0] + x[1]^2 + x[2]^2/2 + 1.5*x[3]^2 + x[4]^2";
    let solved = Solved::new(5, energy, &[-2.0; 5], &[2.0; 5]);
    let options = rates::Options { seed: 2, ..rates::Options::default() };
    let found =
        rates(&solved.landscape, &solved.set, &solved.graph, &[0.05, 0.001], &options, &Control::quiet())
            .unwrap();
    let by = |method: &str| found.rows.iter().filter(|r| r.method == method).cloned().collect::<Vec<_>>();
    println!("{:?} {:?}", found.rows, found.notes);
    let (chain, simulated) = (by("chain"), by("simulation"));
    assert_eq!((chain.len(), simulated.len()), (2, 1));
    let error = simulated[0].error.unwrap() + chain[0].error.unwrap();
    assert!(error < 0.5 && (simulated[0].log_rate - chain[0].log_rate).abs() < error);
    assert!(found.notes.iter().any(|n| n.contains("too long")));
    assert!(found.eigenvalues.iter().all(|g| g.method == "chain" && g.error.is_some()));
}
