//! Random formulas: derivatives against differences, and a parser that never falls over.

use proptest::prelude::*;
use smale::landscape::Landscape;
use smale::landscape::formula::{Direction, Formula};

use super::derivatives::richardson;

/// Smooth expressions in three coordinates and a parameter, of moderate size near the origin.
pub(crate) fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => (0usize..3).prop_map(|i| format!("x[{i}]")),
        1 => Just("a".to_string()),
        1 => (-2.0..2.0f64).prop_map(|c| format!("({c:.3})")),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let two = (inner.clone(), inner.clone());
        let names = ["sin", "cos", "tanh", "atan", "softplus", "sigmoid", "logcosh", "erf"];
        prop_oneof![
            two.clone().prop_map(|(a, b)| format!("({a} + {b})")),
            two.clone().prop_map(|(a, b)| format!("({a} - {b})")),
            two.clone().prop_map(|(a, b)| format!("{a}*{b}")),
            two.clone().prop_map(|(a, b)| format!("({a})/(2 + ({b})^2)")),
            (inner.clone(), 2..4).prop_map(|(a, k)| format!("sin({a})^{k}")),
            inner.clone().prop_map(|a| format!("-({a})")),
            inner.clone().prop_map(|a| format!("sqrt(1.5 + sin({a}))")),
            inner.clone().prop_map(|a| format!("log(2.5 + cos({a}))")),
            inner.clone().prop_map(|a| format!("exp(sin({a}))")),
            two.prop_map(|(a, b)| format!("(1.5 + sin({a}))^tanh({b})")),
            (inner.clone(), 0..names.len()).prop_map(move |(a, k)| format!("{}({a})", names[k])),
            inner.prop_map(|a| format!("sum(i, 0, 2, (i + 1)*x[i]*x[mod(i+1, n)]*({a}))/4")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_of_random_formulas(
        energy in expression(),
        x in prop::array::uniform3(-1.0..1.0f64),
        u in prop::array::uniform3(-1.0..1.0f64),
        v in prop::array::uniform3(-1.0..1.0f64),
    ) {
        let f = Formula::new(3, &energy, &[("a".to_string(), 0.6)], &[], None).unwrap();
        let along = |x: &[f64; 3], directions: &[Direction<'_>]| {
            let mut out = [0.0; 3];
            f.derivative(x, directions, &mut out);
            out
        };
        let moved = |t: f64| [x[0] + t * v[0], x[1] + t * v[1], x[2] + t * v[2]];
        let dot = |a: [f64; 3], b: [f64; 3]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let (su, sv) = (Direction::State(&u), Direction::State(&v));
        let tolerance = |size: f64| 1e-6 * size.max(1.0);
        let slope = dot(along(&x, &[]), v);
        prop_assert!((slope - richardson(|t| f.energy(&moved(t)), 0.05)).abs() <= tolerance(slope.abs()));
        for (low, high) in [(&[][..], &[sv][..]), (&[su], &[su, sv]), (&[su, su], &[su, su, sv])] {
            let got = along(&x, high);
            for i in 0..3 {
                let expected = richardson(|t| along(&moved(t), low)[i], 0.05);
                prop_assert!((got[i] - expected).abs() <= tolerance(got[i].abs()), "{energy}: {got:?} {expected}");
            }
        }
        let mut h = faer::Mat::zeros(3, 3);
        f.hessian(&x, h.as_mut());
        let product = along(&x, &[sv]);
        for i in 0..3 {
            let row: f64 = (0..3).map(|j| h[(i, j)] * v[j]).sum();
            let size: f64 = (0..3).map(|j| h[(i, j)].abs()).sum();
            prop_assert!((row - product[i]).abs() <= 1e-11 * size.max(1.0));
            for j in 0..3 {
                prop_assert_eq!(h[(i, j)], h[(j, i)]);
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>(), dim in 1usize..5) {
        check(dim, &text);
    }

    #[test]
    fn nearly_right_text_is_parsed_or_refused(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "x", "[", "]", "0", "1", "2.5", "(", ")", "+", "-", "*", "/", "^", "**", ",", "sum(i, 0, ", "prod(j,1,2,",
                "i", "j", "n", "a", "sin(", "max(", "mod(", "e", "pi", "1e", ".", " ", "²", "y", "10^9", "x[i]", "pow(",
            ]),
            0..40,
        ),
        dim in 1usize..5,
    ) {
        check(dim, &pieces.concat());
    }
}

/// An error points into the text; a formula can be evaluated.
fn check(dim: usize, text: &str) {
    match Formula::new(dim, text, &[("a".to_string(), 0.5)], &[], None) {
        Ok(f) => {
            let mut out = vec![0.0; dim];
            let one = vec![1.0; dim];
            let u = Direction::State(&one);
            f.derivative(&vec![0.0; dim], &[u, u, Direction::Parameter(0)], &mut out);
        }
        Err(e) => {
            assert!(e.start <= e.end && e.end <= text.len(), "{text:?}: {e:?}");
            assert!(text.is_char_boundary(e.start) && text.is_char_boundary(e.end), "{text:?}: {e:?}");
            assert!(!e.message.is_empty());
        }
    }
}
