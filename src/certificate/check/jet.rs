//! Derivatives up to the third of a list of operations, over boxes: forwards, all of them at once.

use super::interval::{ALL, I, ONE, ZERO};
use super::text::{Function, Op};

/// Derivatives of a value by the coordinates: itself, n first ones, n^2 second ones, n^3 third ones, as far as was asked for.
#[derive(Clone, Debug)]
pub(super) struct Jet {
    pub(super) gradient: Vec<I>,
    pub(super) hessian: Vec<I>,
    pub(super) third: Vec<I>,
}

/// Value and first three derivatives of a function of one variable; all of R where it is not smooth everywhere on u.
pub(super) fn derivatives(f: Function, u: I) -> [I; 4] {
    let c = I::of;
    match f {
        Function::Exp => [u.exp(); 4],
        Function::Log => {
            if !(u.lo > 0.0) {
                return [ALL; 4];
            }
            [u.log(), ONE.over(u), -ONE.over(u.sqr()), c(2.0).over(u.power(3))]
        }
        Function::Sqrt => {
            if !(u.lo > 0.0) {
                let value = if u.lo >= 0.0 { u.sqrt() } else { ALL };
                return [value, ALL, ALL, ALL];
            }
            let r = u.sqrt();
            [r, c(0.5).over(r), c(-0.25).over(u * r), c(0.375).over(u.sqr() * r)]
        }
        Function::Sin => [u.sin(), u.cos(), -u.sin(), -u.cos()],
        Function::Cos => [u.cos(), -u.sin(), -u.cos(), u.sin()],
        Function::Tanh => {
            let t = u.tanh();
            let d = ONE - t.sqr();
            [t, d, c(-2.0) * t * d, d * (c(6.0) * t.sqr() - c(2.0))]
        }
        Function::Sigmoid => {
            let s = sigmoid(u);
            let d = s * (ONE - s);
            [s, d, d * (ONE - c(2.0) * s), d * (ONE - c(6.0) * d)]
        }
        Function::Softplus => {
            let s = sigmoid(u);
            let d = s * (ONE - s);
            [(ONE + u.exp()).log(), s, d, d * (ONE - c(2.0) * s)]
        }
        Function::LogCosh => {
            let t = u.tanh();
            let d = ONE - t.sqr();
            [((u.exp() + (-u).exp()) * c(0.5)).log(), t, d, c(-2.0) * t * d]
        }
        // Next to a pole the derivatives come near to infinity from one side: no bound of them says anything there.
        Function::Recip if !(u.lo > 0.0 || u.hi < 0.0) => [ALL; 4],
        Function::Power(n) if n < 0 && !(u.lo > 0.0 || u.hi < 0.0) => [ALL; 4],
        Function::Recip => {
            let r = ONE.over(u);
            [r, -r.sqr(), c(2.0) * r.power(3), c(-6.0) * r.power(4)]
        }
        Function::Power(n) => {
            let n0 = f64::from(n);
            [
                u.power(n),
                c(n0) * u.power(n - 1),
                c(n0) * c(n0 - 1.0) * u.power(n - 2),
                // A power below zero with a vanishing factor is not there.
                if n == 2 { ZERO } else { c(n0) * c(n0 - 1.0) * c(n0 - 2.0) * u.power(n - 3) },
            ]
        }
    }
}

fn sigmoid(u: I) -> I {
    let s = ONE.over(ONE + (-u).exp());
    I::new(s.lo.max(0.0), s.hi.min(1.0))
}

/// The derivatives of the last operation over the box `x`, up to `order` (1 to 3).
pub(super) fn evaluate(ops: &[Op], x: &[I], order: usize) -> Jet {
    let n = x.len();
    let (n2, n3) = (n * n, n * n * n);
    let size = 1 + n + if order > 1 { n2 } else { 0 } + if order > 2 { n3 } else { 0 };
    let mut all: Vec<I> = Vec::with_capacity(ops.len() * size);
    let mut out = vec![ZERO; size];
    for op in ops {
        out.fill(ZERO);
        {
            let jet = |p: usize| &all[p * size..(p + 1) * size];
            match *op {
                Op::Const(c) => out[0] = c,
                Op::Coordinate(i) => {
                    out[0] = x[i];
                    out[1 + i] = ONE;
                }
                Op::Add(a, b) => {
                    out.iter_mut().zip(jet(a).iter().zip(jet(b))).for_each(|(o, (a, b))| *o = plus(*a, *b))
                }
                Op::Sub(a, b) => {
                    out.iter_mut().zip(jet(a).iter().zip(jet(b))).for_each(|(o, (a, b))| *o = plus(*a, -*b))
                }
                Op::Mul(a, b) => product(n, order, jet(a), jet(b), &mut out),
                Op::Apply(f, u) => chain(n, order, &derivatives(f, jet(u)[0]), jet(u), &mut out),
            }
        }
        all.extend_from_slice(&out);
    }
    let last = &all[all.len() - size..];
    let part =
        |from: usize, count: usize| last.get(from..from + count).map(<[I]>::to_vec).unwrap_or_default();
    Jet { gradient: part(1, n), hessian: part(1 + n, n2), third: part(1 + n + n2, n3) }
}

/// A sum, without widening where one of the two is not there.
fn plus(a: I, b: I) -> I {
    if a == ZERO {
        b
    } else if b == ZERO {
        a
    } else {
        a + b
    }
}

/// Places i <= j <= k of the third derivatives are worked out, the others copied.
fn mirrored(n: usize, base: usize, out: &mut [I]) {
    for i in 0..n {
        for j in 0..n {
            for k in 0..n {
                let mut s = [i, j, k];
                s.sort_unstable();
                out[base + (i * n + j) * n + k] = out[base + (s[0] * n + s[1]) * n + s[2]];
            }
        }
    }
}

fn product(n: usize, order: usize, a: &[I], b: &[I], out: &mut [I]) {
    out[0] = a[0] * b[0];
    for i in 0..n {
        out[1 + i] = plus(a[1 + i] * b[0], a[0] * b[1 + i]);
    }
    let h = |i: usize, j: usize| 1 + n + i * n + j;
    if order > 1 {
        for i in 0..n {
            for j in i..n {
                let own = plus(a[h(i, j)] * b[0], a[0] * b[h(i, j)]);
                let v = plus(own, plus(a[1 + i] * b[1 + j], a[1 + j] * b[1 + i]));
                (out[h(i, j)], out[h(j, i)]) = (v, v);
            }
        }
    }
    if order > 2 {
        let base = 1 + n + n * n;
        for i in 0..n {
            for j in i..n {
                for k in j..n {
                    let t = base + (i * n + j) * n + k;
                    let mut v = plus(a[t] * b[0], a[0] * b[t]);
                    for (p, q, r) in [(i, j, k), (i, k, j), (j, k, i)] {
                        v = plus(v, plus(a[h(p, q)] * b[1 + r], a[1 + r] * b[h(p, q)]));
                    }
                    out[t] = v;
                }
            }
        }
        mirrored(n, base, out);
    }
}

fn chain(n: usize, order: usize, d: &[I; 4], u: &[I], out: &mut [I]) {
    out[0] = d[0];
    for i in 0..n {
        out[1 + i] = d[1] * u[1 + i];
    }
    let h = |i: usize, j: usize| 1 + n + i * n + j;
    let pair = |i: usize, j: usize| if i == j { u[1 + i].sqr() } else { u[1 + i] * u[1 + j] };
    if order > 1 {
        for i in 0..n {
            for j in i..n {
                let v = plus(d[2] * pair(i, j), d[1] * u[h(i, j)]);
                (out[h(i, j)], out[h(j, i)]) = (v, v);
            }
        }
    }
    if order > 2 {
        let base = 1 + n + n * n;
        for i in 0..n {
            for j in i..n {
                for k in j..n {
                    let t = base + (i * n + j) * n + k;
                    let cube = if i == j && j == k { u[1 + i].power(3) } else { pair(i, j) * u[1 + k] };
                    let mut mixed = ZERO;
                    for (p, q, r) in [(i, j, k), (i, k, j), (j, k, i)] {
                        mixed = plus(mixed, u[h(p, q)] * u[1 + r]);
                    }
                    out[t] = plus(plus(d[3] * cube, d[2] * mixed), d[1] * u[t]);
                }
            }
        }
        mirrored(n, base, out);
    }
}
