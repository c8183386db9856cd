//! Several certificates along a parameter: each is proven, and that their intervals cover what the first line says.

use super::{Claim, field, prove_within};
use crate::certificate::format::{Certificate, Definition, Header, LARGEST, SEVERAL};

/// A certificate of the file and its interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The smallest value of the parameter.
    pub lower: f64,
    /// The largest.
    pub upper: f64,
    /// What was proven for all of them.
    pub claim: Claim,
}

/// What the checker says of a file of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Several {
    /// Every certificate is proven, and they cover the interval but for the gaps listed. Where neighbours that list all points meet
    /// they hold of one field at least, and their points are as many; of two that do not it is not known whether they list the same.
    Proven {
        /// The parameter.
        parameter: String,
        /// Its smallest and its largest value.
        range: (f64, f64),
        /// Intervals, ascending.
        pieces: Vec<Piece>,
        /// Of these values nothing is claimed; each with the reason that the file gives.
        gaps: Vec<(f64, f64, String)>,
    },
    /// Something is not: the first that was found.
    NotProven(String),
    /// It is no such file.
    Unreadable(String),
}

/// Most certificates in a file.
const PIECES: usize = 10_000;

/// Does a file begin as one of several does?
pub fn is_several(bytes: &[u8]) -> bool {
    bytes.starts_with(format!("{{\"format\":\"{SEVERAL}\"").as_bytes())
}

/// Checks a file of several.
pub fn verify_several(bytes: &[u8]) -> Several {
    if bytes.len() > LARGEST {
        return Several::Unreadable(format!("the file has more than the {LARGEST} bytes that are read"));
    }
    let mut lines = bytes.split_inclusive(|b| *b == b'\n');
    let header: Header = match serde_json::from_slice(lines.next().unwrap_or_default()) {
        Ok(header) => header,
        Err(e) => {
            return Several::Unreadable(format!("its first line is not that of several certificates: {e}"));
        }
    };
    if header.format != SEVERAL || !(header.lower.0 < header.upper.0) {
        return Several::Unreadable("its first line names no interval".into());
    }
    let mut pieces: Vec<Piece> = vec![];
    let mut first: Option<Certificate> = None;
    let mut work = field::WORK;
    for (number, line) in lines.enumerate() {
        let c = match Certificate::open(line) {
            Ok(c) => c,
            Err(why) => return Several::Unreadable(format!("certificate {number}: {why}")),
        };
        let Some(along) = c.along.clone().filter(|a| a.parameter == header.parameter) else {
            return Several::NotProven(format!("certificate {number} is not along `{}`", header.parameter));
        };
        if number >= PIECES {
            return Several::Unreadable(format!(
                "it holds more than the {PIECES} certificates that are read"
            ));
        }
        let claim = match prove_within(&c, work) {
            Ok((claim, spent)) => {
                work = work.saturating_sub(spent);
                claim
            }
            Err(why) => return Several::NotProven(format!("certificate {number}: {why}")),
        };
        let like = |f: &Certificate| {
            f.level == c.level
                && f.complete == c.complete
                && f.region == c.region
                && same(&f.landscape, &c.landscape, &header.parameter)
        };
        if !first.as_ref().is_none_or(like) {
            return Several::NotProven(format!(
                "certificate {number} is about something else than the first"
            ));
        }
        first.get_or_insert(c);
        pieces.push(Piece { lower: along.lower.0, upper: along.upper.0, claim });
    }
    match covered(&header, &pieces) {
        Err(why) => Several::NotProven(why),
        Ok(()) => Several::Proven {
            parameter: header.parameter,
            range: (header.lower.0, header.upper.0),
            pieces,
            gaps: header.gaps.into_iter().map(|g| (g.lower.0, g.upper.0, g.reason)).collect(),
        },
    }
}

/// Do pieces and gaps cover the interval? And where two pieces meet, are their points as many?
fn covered(header: &Header, pieces: &[Piece]) -> Result<(), String> {
    if pieces.is_empty() {
        return Err("it holds no certificate, and claims nothing".into());
    }
    let mut end = header.lower.0;
    for gap in &header.gaps {
        if !(gap.lower.0 >= end && gap.lower.0 < gap.upper.0 && gap.upper.0 <= header.upper.0) {
            return Err("its gaps do not ascend within the interval".into());
        }
        end = gap.upper.0;
    }
    let mut all: Vec<(f64, f64, Option<&Piece>)> =
        pieces.iter().map(|p| (p.lower, p.upper, Some(p))).collect();
    all.extend(header.gaps.iter().map(|g| (g.lower.0, g.upper.0, None)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reached = header.lower.0;
    let mut before: Option<&Piece> = None;
    for (lower, upper, piece) in all {
        if lower > reached {
            return Err(format!(
                "values between {reached:?} and {lower:?} are neither covered nor listed as a gap"
            ));
        }
        if let (Some(a), Some(b)) = (before, piece)
            && b.lower <= a.upper
            && a.claim.complete
            && a.claim.counts != b.claim.counts
        {
            return Err(format!("two certificates that meet at {:?} do not agree", b.lower));
        }
        // The one that reaches furthest.
        before = [before, piece].into_iter().flatten().max_by(|a, b| a.upper.total_cmp(&b.upper));
        reached = reached.max(upper);
    }
    if reached < header.upper.0 {
        return Err(format!("values above {reached:?} are neither covered nor listed as a gap"));
    }
    Ok(())
}

/// Are two landscapes the same but for the parameter?
fn same(a: &Definition, b: &Definition, parameter: &str) -> bool {
    let mut b = b.clone();
    match (a, &mut b) {
        (Definition::Formula { parameters: of, .. }, Definition::Formula { parameters, .. }) => {
            for ((_, value), (name, other)) in of.iter().zip(parameters.iter_mut()) {
                if name == parameter {
                    *other = *value;
                }
            }
        }
        (Definition::Mixture { sigma: of, .. }, Definition::Mixture { sigma, .. })
            if parameter == "sigma" =>
        {
            *sigma = *of
        }
        (Definition::ModernHopfield { beta: of, .. }, Definition::ModernHopfield { beta, .. })
            if parameter == "beta" =>
        {
            *beta = *of;
        }
        (Definition::Neural { lambda: of, .. }, Definition::Neural { lambda, .. })
            if parameter == "lambda" =>
        {
            *lambda = *of;
        }
        _ => return false,
    }
    *a == b
}
