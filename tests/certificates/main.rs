//! Certificates: what is true is certified and verified, what is not is refused, and no change of a file makes the checker believe
//! what was not proven.

#![allow(clippy::unwrap_used, missing_docs)]

mod along;
mod attacks;
mod enclosures;
mod refusals;
mod resumed;
mod truths;

use smale::Control;
use smale::certificate::build::{Built, Options, build};
use smale::certificate::check::{Claim, Verdict, verify};
use smale::critical::{self, CriticalSet};
use smale::landscape::formula::Formula;
use smale::landscape::{Landscape, Region};

pub fn formula(energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(2, energy, &parameters, &[], None).unwrap()
}

pub const HIMMELBLAU: &str = "(x^2 + y - 11)^2 + (x + y^2 - 7)^2";
pub const CUSP: &str = "x^4 + y^4 - y^3 + 4*x^2*y + y^2 - K*y + f*x";
pub const FLIP: &str = "x^4 + y^4 - y^3 + 2*x^2*y - y^2 + K*y + f*x";

pub fn points(landscape: &dyn Landscape, region: Option<&Region>) -> CriticalSet {
    critical::search(landscape, region, &critical::Options::default(), &Control::quiet()).unwrap()
}

pub fn certify(landscape: &dyn Landscape, region: Option<&Region>) -> Result<Built, String> {
    certify_with(landscape, region, &Options::default())
}

pub fn certify_with(
    landscape: &dyn Landscape,
    region: Option<&Region>,
    options: &Options,
) -> Result<Built, String> {
    let set = points(landscape, region);
    build(landscape, &set, options, &Control::quiet())
}

pub fn proven(text: &str) -> Claim {
    match verify(text.as_bytes()) {
        Verdict::Proven(claim) => claim,
        other => panic!("{other:?}"),
    }
}
