//! A formula as it stands in a study, and the checks of all that is not its text.

use super::{Drift, Formula, parse, unroll};
use crate::error::{Error, Result, shown};
use crate::landscape::{Family, Key, Kind, Landscape, Takes};
use crate::study::{Item, Section};

/// The keys of the section.
const KEYS: &[Key] = &[
    Key { name: "dim", takes: Takes::Integer, default: "", doc: "Number of coordinates, 1 or more." },
    Key {
        name: "energy",
        takes: Takes::Text,
        default: "",
        doc: "The energy, such as \"x[0]^4 + a*x[1]^2 + sum(i, 0, n-1, (i+1)*x[i])\". Operators + - * / ^; sum and prod \
              with inclusive bounds; sqrt exp log ln log10 sin cos tan asin acos atan atan2 sinh cosh tanh erf pow abs \
              sign relu max min softplus sigmoid logcosh; of constants mod floor; pi, e, and n or dim the dimension.",
    },
    Key {
        name: "drift",
        takes: Takes::Any,
        default: "",
        doc: "In place of an energy a vector field, x' = drift: one text a coordinate, such as [\"x - x^3 - y^2*x\", \"-y\"], \
              in the same language.",
    },
    Key {
        name: "parameters",
        takes: Takes::Table,
        default: "",
        doc: "Named parameters and their values; a key of the section with a parameter's name overrides its value.",
    },
    Key {
        name: "period",
        takes: Takes::Numbers,
        default: "",
        doc: "The period of each coordinate, 0 for one that is not periodic.",
    },
    Key {
        name: "confinement",
        takes: Takes::Number,
        default: "",
        doc: "c adds (c/2) |x|^2 to the energy; it can be continued in like a parameter.",
    },
];

/// The kind `formula`.
pub const KIND: Kind = Kind {
    name: "formula",
    energy: "any expression in x[0..n] and named parameters, with indexed sums; or a field, x' = drift",
    source: "given in the study",
    keys: KEYS,
    build,
};

/// Reads a formula from its section.
fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let needed = |key: &str| Error::input(format!("a formula needs the key `{key}`"));
    let dim = section.integer("dim")?.ok_or_else(|| needed("dim").with_help("dim = 2, say"))?;
    check_dim(dim).map_err(|message| section.error("dim", message))?;
    let mut parameters: Vec<(String, f64)> = vec![];
    if let Some(mut table) = section.table("parameters")? {
        for name in table.remaining() {
            check_name(&name).map_err(|message| table.error(&name, message))?;
            let value = table.need_number(&name)?;
            parameters.push((name, value));
        }
    }
    for (name, value) in &mut parameters {
        if let Some(other) = section.number(name)? {
            *value = other;
        }
    }
    let period: Vec<Option<f64>> =
        section.numbers("period")?.unwrap_or_default().into_iter().map(|p| (p != 0.0).then_some(p)).collect();
    check_period(dim, &period).map_err(|message| section.error("period", message))?;
    if section.has("drift") {
        return build_drift(section, dim, &parameters, &period);
    }
    let energy = section.text("energy")?.ok_or_else(|| {
        needed("energy").with_help("energy = \"(x[0]^2 - 1)^2 + x[1]^2\", say; or a field, drift = [..]")
    })?;
    let confinement = section.number("confinement")?;
    if confinement.is_some() && period.iter().any(Option::is_some) {
        return Err(section
            .error("confinement", "a confinement is not periodic, but a coordinate is")
            .with_help("leave out `confinement` or `period`"));
    }
    let formula = Formula::new(dim, &energy, &parameters, &period, confinement).map_err(|wrong| {
        let error = section.error_in_text("energy", wrong.start, wrong.end, wrong.message);
        match wrong.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    })?;
    if !period.is_empty()
        && let Some(i) = not_periodic(&formula)
    {
        let message = format!("the energy does not repeat in x[{i}] with this period");
        return Err(section
            .error("period", message)
            .with_help("write the period with all its digits: 2 pi is 6.283185307179586"));
    }
    Ok(Box::new(formula))
}

/// Reads a field from the section, whose dimension, parameters and periods are known.
fn build_drift(
    section: &mut Section,
    dim: usize,
    parameters: &[(String, f64)],
    period: &[Option<f64>],
) -> Result<Box<dyn Family>> {
    for key in ["energy", "confinement"] {
        if section.has(key) {
            return Err(section
                .error(key, format!("`{key}` and `drift` exclude each other: a field has no energy"))
                .with_help("leave out one of them"));
        }
    }
    let help = "write one text a coordinate: drift = [\"x - x^3\", \"-y\"]";
    let mut texts = vec![];
    for item in section.items("drift")?.unwrap_or_default() {
        match item {
            Item::Text(text) => texts.push(text),
            Item::Table(_) => return Err(section.error("drift", "`drift` holds texts").with_help(help)),
        }
    }
    if texts.len() != dim {
        let message = format!("`drift` has {} texts, the field has {dim} coordinates", texts.len());
        return Err(section.error("drift", message).with_help(help));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let drift = Drift::new(&texts, parameters, period).map_err(|(i, wrong)| {
        let error = section.error("drift", format!("drift[{i}]: {}", wrong.message));
        match wrong.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    })?;
    if !period.is_empty()
        && let Some((i, axis)) =
            drift.components().iter().enumerate().find_map(|(i, f)| Some((i, not_periodic(f)?)))
    {
        let message = format!("drift[{i}] does not repeat in x[{axis}] with this period");
        return Err(section
            .error("period", message)
            .with_help("write the period with all its digits: 2 pi is 6.283185307179586"));
    }
    Ok(Box::new(drift))
}

/// Is the dimension one that a formula can have?
pub(super) fn check_dim(dim: usize) -> std::result::Result<(), String> {
    match dim {
        0 => Err("`dim` must be 1 or more".into()),
        _ if dim > unroll::MOST => Err(format!("`dim` must not be more than {}", unroll::MOST)),
        _ => Ok(()),
    }
}

/// Are there as many periods as coordinates (or none), all positive?
pub(super) fn check_period(dim: usize, period: &[Option<f64>]) -> std::result::Result<(), String> {
    if !period.is_empty() && period.len() != dim {
        return Err(format!("`period` needs one number a coordinate: {dim}, not {}", period.len()));
    }
    match period.iter().flatten().find(|p| !(p.is_finite() && **p > 0.0)) {
        Some(p) => Err(format!("a period must be a positive number (0: not periodic), not {}", shown(*p))),
        None => Ok(()),
    }
}

/// Can a parameter have this name?
pub(super) fn check_name(name: &str) -> std::result::Result<(), String> {
    let well_formed = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && name.chars().all(super::lex::is_name);
    if !well_formed {
        return Err(format!(
            "`{name}` cannot name a parameter: names are letters, digits and `_`, and begin with no digit"
        ));
    }
    if parse::is_reserved(name) || name == "kind" || KEYS.iter().any(|key| key.name == name) {
        return Err(format!("`{name}` cannot name a parameter: the name is taken"));
    }
    Ok(())
}

/// A periodic coordinate in which the energy does not repeat, judged at a few points that nothing is special about.
fn not_periodic(formula: &Formula) -> Option<usize> {
    let n = formula.dim();
    let mut gradient = vec![0.0; n];
    // Numbers spread evenly over [0, 1), the same on every run.
    let spread = |k: usize| (0.618_033_988_749_894_8 * (k + 1) as f64).fract();
    for round in 0..3 {
        let x: Vec<f64> =
            (0..n).map(|j| spread(j + round * (n + 1)) * formula.period[j].unwrap_or(1.0)).collect();
        let here = formula.gradient(&x, &mut gradient);
        let steps = gradient.iter().zip(&formula.period).map(|(g, p)| (g * p.unwrap_or(0.0)).abs());
        let scale = steps.fold(here.abs(), f64::max).max(f64::MIN_POSITIVE);
        // False also where the energy is not a number.
        let differs = |moved: &[f64]| (formula.energy(moved) - here).abs() > 1e-6 * scale;
        // All coordinates at once, by different whole turns so that no difference of two stays as it was.
        let turned: Vec<f64> = (0..n)
            .map(|j| {
                x[j] + (1.0 + (5.0 * spread(2 * j + 3 * round)).floor()) * formula.period[j].unwrap_or(0.0)
            })
            .collect();
        if differs(&turned) {
            let alone = |i: usize| {
                let mut moved = x.clone();
                moved[i] += formula.period[i].unwrap_or(0.0);
                differs(&moved)
            };
            return (0..n).find(|i| alone(*i)).or_else(|| formula.period.iter().position(Option::is_some));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula(energy: &str, period: &[Option<f64>]) -> Formula {
        Formula::new(2, energy, &[], period, None).unwrap()
    }

    #[test]
    fn a_wrong_period_is_noticed() {
        let turn = Some(std::f64::consts::TAU);
        assert_eq!(not_periodic(&formula("cos(x) + cos(y - x)", &[turn, turn])), None);
        assert_eq!(not_periodic(&formula("cos(x) + y^2", &[turn, None])), None);
        assert_eq!(not_periodic(&formula("cos(x) + y^2", &[turn, turn])), Some(1));
        assert_eq!(not_periodic(&formula("cos(x) + cos(y)", &[Some(6.3), turn])), Some(0));
    }

    #[test]
    fn the_listing_names_every_function() {
        let doc = KEYS[1].doc;
        for name in parse::functions() {
            assert!(doc.split([' ', ';']).any(|word| word == name), "{name}");
        }
    }

    #[test]
    fn names_of_parameters() {
        for good in ["a", "K", "beta_1", "β", "n", "e", "x"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "1a", "a b", "sin", "sum", "pi", "dim", "kind", "period", "confinement", "a-b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
