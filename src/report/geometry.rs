//! Polylines: simplified, clipped.

/// A point of a picture or of the plane.
pub(super) type P = (f64, f64);

fn distance(a: P, b: P) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn between(a: P, b: P, t: f64) -> P {
    (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
}

/// The polyline without the points that lie within `tolerance` of what remains.
pub(super) fn simplified(points: &[P], tolerance: f64) -> Vec<P> {
    needed(points, tolerance).into_iter().map(|k| points[k]).collect()
}

/// The points of a polyline that the others are within `tolerance` of: their places in it (Douglas and Peucker 1973).
pub(super) fn needed(points: &[P], tolerance: f64) -> Vec<usize> {
    let mut keep = vec![false; points.len()];
    let mut stack = vec![(0, points.len().saturating_sub(1))];
    while let Some((first, last)) = stack.pop() {
        keep.iter_mut().skip(first).take(1).for_each(|k| *k = true);
        keep.iter_mut().skip(last).take(1).for_each(|k| *k = true);
        let worst = (first + 1..last)
            .map(|i| (i, to_segment(points[i], points[first], points[last])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, off)) = worst
            && off > tolerance * tolerance
        {
            stack.push((first, i));
            stack.push((i, last));
        }
    }
    (0..points.len()).filter(|&k| keep[k]).collect()
}

/// Squared distance of a point from a segment.
fn to_segment(p: P, a: P, b: P) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length2 = dx * dx + dy * dy;
    let t = if length2 > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length2 } else { 0.0 };
    let foot = between(a, b, t.clamp(0.0, 1.0));
    (p.0 - foot.0).powi(2) + (p.1 - foot.1).powi(2)
}

/// The parts of the polyline inside the rectangle (Liang and Barsky 1984, segment by segment).
pub(super) fn clipped(points: &[P], low: P, high: P) -> Vec<Vec<P>> {
    let mut parts: Vec<Vec<P>> = Vec::new();
    let mut open = false;
    for w in points.windows(2) {
        let Some((start, end)) = inside(w[0], w[1], low, high) else {
            open = false;
            continue;
        };
        match parts.last_mut() {
            Some(part) if open && start == 0.0 => part.push(between(w[0], w[1], end)),
            _ => parts.push(vec![between(w[0], w[1], start), between(w[0], w[1], end)]),
        }
        open = end == 1.0;
    }
    parts
}

/// The interval of `t` in which `a + t (b - a)` is inside the rectangle.
fn inside(a: P, b: P, low: P, high: P) -> Option<(f64, f64)> {
    let (mut start, mut end) = (0.0f64, 1.0f64);
    for (a, d, low, high) in [(a.0, b.0 - a.0, low.0, high.0), (a.1, b.1 - a.1, low.1, high.1)] {
        if !(a.is_finite() && d.is_finite()) {
            return None;
        }
        if d == 0.0 {
            if a < low || a > high {
                return None;
            }
            continue;
        }
        let (enter, leave) = ((low - a) / d, (high - a) / d);
        start = start.max(enter.min(leave));
        end = end.min(enter.max(leave));
    }
    (start < end).then_some((start, end))
}

/// The place half way along the polyline and the unit direction there; `None` for one shorter than `shortest`.
pub(super) fn middle(points: &[P], shortest: f64) -> Option<(P, P)> {
    let total: f64 = points.windows(2).map(|w| distance(w[0], w[1])).sum();
    let mut left = 0.5 * total;
    if total.is_nan() || total < shortest {
        return None;
    }
    for w in points.windows(2) {
        let length = distance(w[0], w[1]);
        if length >= left && length > 0.0 {
            let direction = ((w[1].0 - w[0].0) / length, (w[1].1 - w[0].1) / length);
            return Some((between(w[0], w[1], left / length), direction));
        }
        left -= length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simplified_circle_stays_within_its_tolerance() {
        let circle: Vec<P> = (0..=2000)
            .map(|i| {
                let t = f64::from(i) / 2000.0 * std::f64::consts::TAU;
                (100.0 * t.cos(), 100.0 * t.sin())
            })
            .collect();
        let fewer = simplified(&circle, 0.1);
        assert!(fewer.len() < 200 && fewer[0] == circle[0] && fewer[fewer.len() - 1] == circle[2000]);
        for p in &circle {
            let off = fewer.windows(2).map(|w| to_segment(*p, w[0], w[1])).fold(f64::INFINITY, f64::min);
            assert!(off.sqrt() <= 0.1 + 1e-9);
        }
    }

    #[test]
    fn clipping_keeps_exactly_what_is_inside() {
        // A zigzag through the unit square: in, out at the top, in again.
        let parts =
            clipped(&[(-1.0, 0.5), (0.5, 0.5), (0.5, 2.0), (0.75, 2.0), (0.75, 0.0)], (0.0, 0.0), (1.0, 1.0));
        assert_eq!(parts, vec![vec![(0.0, 0.5), (0.5, 0.5), (0.5, 1.0)], vec![(0.75, 1.0), (0.75, 0.0)]]);
        assert!(clipped(&[(2.0, 2.0), (3.0, 2.0)], (0.0, 0.0), (1.0, 1.0)).is_empty());
        assert!(clipped(&[(0.5, f64::NAN), (0.5, 0.5)], (0.0, 0.0), (1.0, 1.0)).is_empty());
        assert!(clipped(&[], (0.0, 0.0), (1.0, 1.0)).is_empty());
    }

    #[test]
    fn the_middle_is_half_way() {
        let (at, direction) = middle(&[(0.0, 0.0), (1.0, 0.0), (1.0, 3.0)], 0.0).unwrap();
        assert_eq!((at, direction), ((1.0, 1.0), (0.0, 1.0)));
        assert!(middle(&[(0.0, 0.0), (1.0, 0.0)], 2.0).is_none());
    }
}
