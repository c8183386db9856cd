use super::*;

fn chain(log_weights: &[f64], channels: &[(usize, usize, f64)]) -> Chain {
    let channel = |&(i, j, log_capacity): &(usize, usize, f64)| Channel { between: [i, j], log_capacity };
    Chain { log_weights: log_weights.to_vec(), channels: channels.iter().map(channel).collect() }
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!(a == b || (a - b).abs() <= tolerance, "{a} against {b}");
}

/// Two states: the eigenvalue is `c (1/m_1 + 1/m_2)`, from e^20 down to e^-2000.
#[test]
fn two_states_at_any_barrier() {
    for (c, m) in [(20.0, [0.0, 3.0]), (-100.0, [2.0, -40.0]), (-2000.0, [0.0, -1200.0])] {
        let two = chain(&m, &[(0, 1, c), (1, 0, c), (1, 1, 7.0)]);
        let exact = c + 2.0_f64.ln() + add(-m[0], -m[1]);
        let spectrum = two.log_spectrum();
        assert_eq!(spectrum[0], NEVER);
        near(spectrum[1], exact, 1e-12);
        near(two.log_passage_times(1)[0], m[0] - c - 2.0_f64.ln(), 1e-12);
        let left_first = usize::from(m[1] < m[0]);
        let merges = two.merges();
        assert_eq!((merges.len(), merges[0].state, merges[0].into), (1, left_first, 1 - left_first));
    }
}

/// A ring of n equal states: `2 c (1 - cos(2 pi k/n))`.
#[test]
fn a_ring_has_the_discrete_laplacian() {
    let n = 7;
    let ring = chain(&vec![0.3; n], &(0..n).map(|i| (i, (i + 1) % n, -5.0)).collect::<Vec<_>>());
    let mut exact: Vec<f64> = (0..n)
        .map(|k| 2.0 * (1.0 - (std::f64::consts::TAU * k as f64 / n as f64).cos()) * (-5.3_f64).exp())
        .collect();
    exact.sort_by(f64::total_cmp);
    let spectrum = ring.log_spectrum();
    assert_eq!(spectrum[0], NEVER);
    for k in 1..n {
        near(spectrum[k].exp() / exact[k], 1.0, 1e-13);
    }
}

/// Star with centre 0: the secular equation `sum_i c_i lam/(c_i - lam m_i) + lam m_0 = 0` holds at every eigenvalue, checked
/// in terms that are far below one another.
#[test]
fn a_star_of_all_scales_meets_its_secular_equation() {
    let m = [0.0, -3.0, -20.0, -71.0, -2.0, -150.0];
    let c = [-5.0, -90.0, -130.0, -30.0, -400.0];
    let channels: Vec<_> = (0..5).map(|i| (0, i + 1, c[i])).collect();
    let spectrum = chain(&m, &channels).log_spectrum();
    // A leaf without weight to speak of has an eigenvalue at its pole.
    let (light, heavy): (Vec<usize>, Vec<usize>) = (0..5).partition(|&i| m[i + 1] < -40.0);
    for &i in &light {
        assert!(spectrum.iter().any(|log| (log - (c[i] - m[i + 1])).abs() < 1e-12));
    }
    let rest = |log: &&f64| light.iter().all(|&i| (**log - (c[i] - m[i + 1])).abs() > 1e-12);
    assert_eq!(spectrum[1..].iter().filter(rest).count(), heavy.len());
    for &log in spectrum[1..].iter().filter(rest) {
        // With r_i = lam m_i / c_i the equation reads m_0 + sum m_i/(1 - r_i) = 0: at most one term is negative.
        let mut low = (log - 1e-10, 0.0);
        let mut high = (log + 1e-10, 0.0);
        for side in [&mut low, &mut high] {
            let term = |i: usize| m[i + 1].exp() / -(side.0 + m[i + 1] - c[i]).exp_m1();
            // `1 - e^y = -expm1(y)`
            side.1 = m[0].exp() + (0..5).map(term).sum::<f64>();
        }
        assert!(low.1 * high.1 < 0.0, "{log}: {low:?} {high:?}");
    }
}

/// A line whose wells are left at rates e^-10, e^-300 and e^-800: each scale sees the others as one state.
#[test]
fn scales_far_apart_are_two_states_each() {
    let line = chain(&[0.0, -1.0, 1.0, -2.0], &[(0, 1, -10.0), (1, 2, -300.0), (2, 3, -800.0)]);
    let spectrum = line.log_spectrum();
    let pair = |c: f64, a: f64, b: f64| c + add(-a, -b);
    near(spectrum[3], pair(-10.0, 0.0, -1.0), 1e-12);
    near(spectrum[2], pair(-300.0, add(0.0, -1.0), 1.0), 1e-12);
    near(spectrum[1], pair(-800.0, add(add(0.0, -1.0), 1.0), -2.0), 1e-12);
    let order: Vec<_> = line.merges().iter().map(|m| (m.state, m.into)).collect();
    assert_eq!(order, [(1, 0), (0, 2), (3, 2)]);
    // From 0 to 3 all weight waits at the last channel.
    near(line.log_passage_times(3)[0], add(add(0.0, -1.0), 1.0) + 800.0, 1e-12);
}

/// On chains with plain numbers: passage times solve their equations, eigenvalues have the trace, the two laws agree.
#[test]
fn equations_hold_on_dense_chains() {
    let n = 6;
    let weights: Vec<f64> = (0..n).map(|i| (i as f64 * 1.7).sin()).collect();
    let channels: Vec<_> =
        (0..n).flat_map(|i| (0..i).map(move |j| (i, j, 2.0 * ((i * 5 + j * 3) as f64).cos()))).collect();
    let dense = chain(&weights, &channels);
    let rates = dense.log_rates();
    let exit = |i: usize| (0..n).filter(|&j| j != i).map(|j| rates[(i, j)].exp()).sum::<f64>();
    let trace: f64 = (0..n).map(exit).sum();
    let total: f64 = dense.log_spectrum().iter().map(|l| l.exp()).sum();
    near(total / trace, 1.0, 1e-13);
    let squares: f64 = (0..n)
        .map(|i| {
            exit(i).powi(2)
                + (0..n).filter(|&j| j != i).map(|j| (rates[(i, j)] + rates[(j, i)]).exp()).sum::<f64>()
        })
        .sum();
    let total: f64 = dense.log_spectrum().iter().map(|l| (2.0 * l).exp()).sum();
    near(total / squares, 1.0, 1e-13);
    for target in 0..n {
        let times: Vec<f64> = dense.log_passage_times(target).iter().map(|t| t.exp()).collect();
        for i in (0..n).filter(|&i| i != target) {
            let drift: f64 =
                (0..n).map(|j| if j == i { 0.0 } else { rates[(i, j)].exp() * (times[j] - times[i]) }).sum();
            near(drift, -1.0, 1e-11);
        }
    }
    let law = log_invariant_law(&rates).unwrap();
    for (a, b) in law.iter().zip(dense.log_law()) {
        near(*a, b, 1e-13);
    }
}

/// A one-way ring: the law is as the inverse rates, whatever their size.
#[test]
fn a_ring_without_detailed_balance() {
    let logs = [-3.0, -500.0, -40.0];
    let rates = Mat::from_fn(3, 3, |i, j| if j == (i + 1) % 3 { logs[i] } else { NEVER });
    let law = log_invariant_law(&rates).unwrap();
    for i in 0..3 {
        near(law[i], -logs[i] - 500.0, 1e-12);
    }
    let cut = Mat::from_fn(3, 3, |i, j| if (i, j) == (0, 1) { 0.0 } else { NEVER });
    assert_eq!(log_invariant_law(&cut), None);
}

#[test]
fn components_keep_apart() {
    let apart = chain(&[0.0; 4], &[(0, 1, -1.0), (2, 3, -2.0)]);
    let spectrum = apart.log_spectrum();
    assert_eq!(spectrum[..2], [NEVER, NEVER]);
    near(spectrum[2], 2.0_f64.ln() - 2.0, 1e-14);
    assert_eq!(apart.log_passage_times(0)[2], f64::INFINITY);
    assert_eq!(apart.merges().len(), 2);
    assert!(chain(&[], &[]).is_empty() && chain(&[], &[]).log_spectrum().is_empty());
}
