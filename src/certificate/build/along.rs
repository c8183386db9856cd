//! Certificates along a parameter: intervals of it, each with a certificate that holds of all its values, and what stays open between.
//!
//! A certificate built at the middle of an interval holds with room to spare; how far to both sides the checker accepts it, when the
//! parameter is all numbers of an interval, is found by trying. What is left on either side is treated likewise.

use super::{Options, build};
use crate::certificate::check::{Piece, Several, prove, verify_several};
use crate::certificate::format::{Along, Certificate, Gap, Header, Hex, SEVERAL};
use crate::control::{Control, Progress};
use crate::critical;
use crate::landscape::{Family, Region};

/// Which values of which parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Its name.
    pub parameter: String,
    /// The smallest value.
    pub from: f64,
    /// The largest.
    pub to: f64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Covered {
    /// Certificates, each with its interval, in order.
    pub certificates: Vec<Certificate>,
    /// What the checker says of each.
    pub pieces: Vec<Piece>,
    /// What is not proven, in order: from, to, why.
    pub gaps: Vec<(f64, f64, String)>,
    /// As a file.
    pub text: String,
}

/// Of the radius found at the middle this share is claimed where none was asked for; the rest is for the parameter.
const SHARE: f64 = 0.1;
/// An interval smaller than this share of the whole is given up.
const SMALLEST: f64 = 1.0 / 128.0;
/// From one width tried to the next.
const NARROWER: f64 = 0.6;

/// Covers a range of a parameter as far as it can.
///
/// # Errors
/// If there is no such parameter, or the search was interrupted.
pub fn along(
    family: &dyn Family,
    range: &Range,
    region: Option<&Region>,
    search: &critical::Options,
    options: &Options,
    control: &Control<'_>,
) -> Result<Covered, String> {
    let mut covered = Covered { certificates: vec![], pieces: vec![], gaps: vec![], text: String::new() };
    // All of them are about one region: the widest that a search takes at the ends and in the middle.
    let own = |value: f64| {
        let landscape = family.with_parameter(&range.parameter, value).ok()?;
        critical::settle_region(landscape.as_ref(), None).ok()
    };
    let widest_own = || {
        let own = [range.from, 0.5 * range.from + 0.5 * range.to, range.to].into_iter().filter_map(own);
        own.max_by(|a, b| a.radius().total_cmp(&b.radius()))
    };
    let region = region.cloned().or_else(widest_own);
    let least = SMALLEST * (range.to - range.from);
    // The leftmost interval last, so that it comes first.
    let mut open = vec![(range.from, range.to)];
    while let Some((from, to)) = open.pop() {
        let share = (from - range.from) / (range.to - range.from);
        let done = (share.clamp(0.0, 1.0) * 1000.0) as usize;
        (control.progress)(Progress { stage: "parameter", done, total: 1000, note: "" });
        let middle = 0.5 * from + 0.5 * to;
        let outcome = at(family, &range.parameter, middle, region.as_ref(), search, options, control)
            .and_then(|c| {
                // What is as small as that is taken as a whole or not at all: next to a fold there would be no end of smaller ones.
                let floor = if to - from <= least { f64::INFINITY } else { 0.25 * least };
                widest(c, &range.parameter, (from, middle, to), floor, options)
            });
        if control.stopped() {
            return Err("the computation was interrupted".into());
        }
        match outcome {
            Ok(c) => {
                let held = c.along.as_ref().map_or((middle, middle), |a| (a.lower.0, a.upper.0));
                if held.1 < to {
                    open.push((held.1, to));
                }
                if from < held.0 {
                    open.push((from, held.0));
                }
                covered.certificates.push(c);
            }
            Err(_) if to - from > least => open.extend([(middle, to), (from, middle)]),
            Err(why) => match covered.gaps.last_mut() {
                Some(gap) if gap.1 == from => gap.1 = to,
                _ => covered.gaps.push((from, to, why)),
            },
        }
    }
    let start = |c: &Certificate| c.along.as_ref().map_or(f64::NAN, |a| a.lower.0);
    covered.certificates.sort_by(|a, b| start(a).total_cmp(&start(b)));
    covered.gaps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let header = Header {
        format: SEVERAL.into(),
        parameter: range.parameter.clone(),
        lower: Hex(range.from),
        upper: Hex(range.to),
        gaps: covered
            .gaps
            .iter()
            .map(|g| Gap { lower: Hex(g.0), upper: Hex(g.1), reason: g.2.clone() })
            .collect(),
    };
    covered.text = header.line()?;
    for c in &covered.certificates {
        covered.text += &c.seal()?;
    }
    // What is written has been accepted as a whole.
    match verify_several(covered.text.as_bytes()) {
        Several::Proven { pieces, .. } => covered.pieces = pieces,
        _ if covered.certificates.is_empty() => {}
        Several::NotProven(why) | Several::Unreadable(why) => return Err(why),
    }
    Ok(covered)
}

/// The certificate at one value.
fn at(
    family: &dyn Family,
    name: &str,
    value: f64,
    region: Option<&Region>,
    search: &critical::Options,
    options: &Options,
    control: &Control<'_>,
) -> Result<Certificate, String> {
    let landscape = family.with_parameter(name, value).map_err(|e| e.to_string())?;
    // The certificate has proofs of its own.
    let search = critical::Options { prove: false, ..search.clone() };
    let set = critical::search(landscape.as_ref(), region, &search, control).map_err(|e| e.to_string())?;
    let free = Options { e0: None, ..options.clone() };
    Ok(build(landscape.as_ref(), &set, &free, control)?.certificate)
}

/// The same for as many values as the checker accepts, at least `least` to either side, at most all of `from <= middle <= to`.
fn widest(
    mut c: Certificate,
    name: &str,
    (from, middle, to): (f64, f64, f64),
    least: f64,
    options: &Options,
) -> Result<Certificate, String> {
    let length = if c.e1.0 > 0.0 { c.e0.0 / c.e1.0 } else { f64::INFINITY };
    let e0 = options.e0.unwrap_or(SHARE * c.e0.0);
    if e0 > c.e0.0 {
        return Err(format!("it holds for e0 = {:.3e} only", c.e0.0));
    }
    (c.e0, c.e1) = (Hex(e0), Hex(e0 / length));
    let mut half = 0.5 * (to - from);
    loop {
        let all = half >= 0.5 * (to - from);
        let (lower, upper) =
            if all { (from, to) } else { ((middle - half).max(from), (middle + half).min(to)) };
        c.along = Some(Along { parameter: name.into(), lower: Hex(lower), upper: Hex(upper) });
        match prove(&c) {
            Ok(_) => return Ok(c),
            Err(why) if half < least => return Err(why),
            Err(_) => half *= NARROWER,
        }
    }
}
