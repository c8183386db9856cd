//! The keys of a study outside the landscape, section by section: what the check for unknown keys and the JSON schema
//! go by.

use crate::landscape::{Key, Kind, Takes};

/// A section of a study.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// `None` if this version has no use for the section yet.
    pub(super) keys: Option<&'static [Key]>,
}

pub(super) const fn key(name: &'static str, takes: Takes, default: &'static str, doc: &'static str) -> Key {
    Key { name, takes, default, doc }
}

/// Ways to look for critical points.
pub(super) const METHODS: [&str; 3] = ["auto", "complete", "search"];

/// Whole numbers that must be at least 1, by section and key; any others may be 0.
pub(super) const AT_LEAST_ONE: &[(&str, &str)] = &[
    ("critical", "boxes"),
    ("critical", "rounds"),
    ("critical", "limit"),
    ("critical", "neighbours"),
    ("lyapunov", "orbits"),
    ("lyapunov", "steps"),
    ("continue", "max_points"),
    ("sweep", "seeds"),
    ("sweep", "batch"),
    ("memorization", "steps"),
    ("measure", "samples"),
    ("measure", "states"),
];

/// Numbers that must be positive, by section and key.
pub(super) const POSITIVE: &[(&str, &str)] = &[
    ("critical", "degenerate_tolerance"),
    ("graph", "tolerance"),
    ("continue", "tolerance"),
    ("continue", "max_step"),
    ("memorization", "near"),
    ("memorization", "barrier"),
    ("memorization", "temperature"),
    ("memorization", "gap"),
    ("memorization", "extent"),
    ("memorization", "memorized_within"),
    ("memorization", "spurious_within"),
    ("memorization", "from"),
    ("measure", "accuracy"),
    ("measure", "from"),
    ("measure", "perturbation"),
    ("certify", "length"),
];

/// Keys that a section needs, where it is there.
pub(super) const NEEDED: &[(&str, &[&str])] = &[("continue", &["parameter", "from", "to"])];

/// Keys at the top.
pub(super) const TOP: &[Key] = &[
    key("title", Takes::Text, "", "title of the study"),
    key("seed", Takes::Integer, "0", "seed of everything random; the same seed gives the same results"),
    key("landscape", Takes::Table, "", "what is analysed; needed"),
    key("region", Takes::Table, "", "where it is analysed; default from the landscape"),
    key("critical", Takes::Table, "", "how critical points are found"),
    key("graph", Takes::Table, "", "how they are connected"),
    key("lyapunov", Takes::Table, "", "whether an energy falls along orbits and where they end"),
    key("continue", Takes::Table, "", "continuation in a parameter"),
    key("sweep", Takes::Table, "", "the same for many values of parameters"),
    key("memorization", Takes::Table, "", "which minima are memories, and which samples"),
    key("measure", Takes::Table, "", "the invariant measure at falling temperature"),
    key("certify", Takes::Table, "", "the certificate of structural stability"),
    key("report", Takes::Table, "", "how results are shown"),
];

const REGION: &[Key] = &[
    key(
        "ball",
        Takes::Table,
        "",
        "{ center = [0.0, 0.0], radius = 2.0 }; the centre is the origin if left out",
    ),
    key(
        "box",
        Takes::Table,
        "",
        "{ lower = [-1.0, -2.0], upper = [1.0, 2.0] }; a single number holds for every coordinate",
    ),
];

/// Keys of a ball.
pub(super) const BALL: &[Key] = &[
    key("center", Takes::Numbers, "the origin", "centre, one number a coordinate"),
    key("radius", Takes::Number, "", "radius, positive"),
];

/// Keys of a box.
pub(super) const BOX: &[Key] = &[
    key("lower", Takes::Any, "", "lower corner: one number a coordinate, or one number for all"),
    key("upper", Takes::Any, "", "upper corner: one number a coordinate, or one number for all"),
];

const CRITICAL: &[Key] = &[
    key(
        "method",
        Takes::Text,
        "auto",
        "complete: with a proof that these are all; search: many starts; auto: complete where that is within reach, else search",
    ),
    key(
        "boxes",
        Takes::Integer,
        "2000000; for auto 8000, or 200 (plane) to 1500 (space) a minimum",
        "most boxes of a proof of completeness",
    ),
    key(
        "symmetry",
        Takes::Any,
        "",
        "symmetries of the landscape that save work in a proof: lists of coordinates, counted from 1 and negative where the sign changes",
    ),
    key("max_index", Takes::Integer, "", "highest Morse index to search for"),
    key("rounds", Takes::Integer, "", "most rounds of search"),
    key("limit", Takes::Integer, "none", "most searches: what was found by then is the result"),
    key(
        "neighbours",
        Takes::Integer,
        "",
        "how many of its nearest minima each minimum is paired with to find saddles",
    ),
    key(
        "degenerate_tolerance",
        Takes::Number,
        "",
        "eigenvalues below this share of the largest count as zero",
    ),
    key("prove", Takes::Flag, "true", "prove the points, where the kind allows; without, auto means search"),
];

const GRAPH: &[Key] = &[
    key("tolerance", Takes::Number, "", "error of an orbit a step, relative to the landscape's own scale"),
    key(
        "order",
        Takes::Any,
        "1",
        "between which indices: 1 (index 1 and minima, n and n - 1) or \"all\" (each index k and k - 1)",
    ),
    key(
        "manifolds",
        Takes::Text,
        "none",
        "unstable manifolds to compute and write, manifold-<id>.vtp: none, curves (of points of index 1), surfaces (of index 1 and 2)",
    ),
    key(
        "basins",
        Takes::Integer,
        "0",
        "orbits from random points that measure how much of the region flows to each minimum",
    ),
    key("prove", Takes::Flag, "true", "prove connections between proven points, where the kind allows"),
];

const LYAPUNOV: &[Key] = &[
    key("orbits", Takes::Integer, "200", "orbits a flow"),
    key(
        "starts",
        Takes::Text,
        "region",
        "where orbits of a landscape's own flow begin: region (uniformly) or data (near one)",
    ),
    key(
        "times",
        Takes::Numbers,
        "",
        "[from, to]: times of the schedule between which the ODE and the SDE of a diffusion model run",
    ),
    key("steps", Takes::Integer, "256", "steps of the ODE and the SDE"),
    key("method", Takes::Text, "heun", "of their steps: heun or euler"),
    key(
        "training_data",
        Takes::Text,
        "its data",
        "file of the points that ends are compared with, for a landscape that doesn't know its data",
    ),
    key("landscape", Takes::Any, "", "[[lyapunov.landscape]]: more landscapes for the same table"),
];

const CONTINUE: &[Key] = &[
    key("parameter", Takes::Text, "", "the parameter to continue in; needed"),
    key("from", Takes::Number, "", "one end of its range; needed"),
    key("to", Takes::Number, "", "the other end, above or below; needed"),
    key(
        "tolerance",
        Takes::Number,
        "1e-11",
        "Newton's correction, relative to the natural scales, below which a point lies on its branch",
    ),
    key("max_step", Takes::Number, "0.05", "longest step along a branch, in natural scales"),
    key("max_points", Takes::Integer, "5000", "most points of a branch"),
    key(
        "starts",
        Takes::Integer,
        "12",
        "number of parameter values between the ends at which critical points are searched, beside both ends; along `data` all whole numbers up to 256",
    ),
    key(
        "max_index",
        Takes::Integer,
        "",
        "critical points above this index are not searched for and not followed from, for large landscapes",
    ),
    key(
        "ordinate",
        Takes::Any,
        "energy",
        "what the diagram shows upwards: energy, norm, a coordinate such as x[0], or numbers that weigh the coordinates",
    ),
    key(
        "graphs",
        Takes::Flag,
        "true up to 200 branches and 100 dimensions",
        "compute the connection graphs between the events",
    ),
    key("tree", Takes::Flag, "true", "compute the tree in which minima split as the parameter falls"),
    key(
        "prove",
        Takes::Flag,
        "true",
        "prove branches to be smooth curves, where that is to be had: formulas, mixtures and modern memories in up to 16 dimensions",
    ),
    key(
        "second",
        Takes::Table,
        "",
        "{ parameter = \"f\", from = -1.0, to = 1.0 }: a second parameter, for curves and regions in the plane of both",
    ),
];

/// Keys of the second parameter of a continuation.
pub(super) const SECOND: &[Key] = &[
    key("parameter", Takes::Text, "", "the second parameter; needed"),
    key("from", Takes::Number, "", "one end of its range; needed"),
    key("to", Takes::Number, "", "the other end, above or below; needed"),
    key(
        "lines",
        Takes::Integer,
        "5",
        "lines each way along which curves are looked for, both edges of the rectangle among them; at least 2",
    ),
    key(
        "grid",
        Takes::Integer,
        "24",
        "cells each way of the grid from which the regions are made; at least 1",
    ),
    key("connections", Takes::Flag, "true", "look for curves on which an orbit joins two saddles"),
];

const SWEEP: &[Key] = &[
    key(
        "grid",
        Takes::Table,
        "",
        "keys of the landscape with their values: arrays, or { from = 0.1, to = 1.0, count = 10, log = true }",
    ),
    key("seeds", Takes::Integer, "", "repeats of each point of the grid"),
    key(
        "seed_key",
        Takes::Text,
        "shuffle, or data.seed for data drawn at random",
        "the key that gets the number of the repeat, from 0",
    ),
    key("batch", Takes::Integer, "as many as make a thousand tasks", "grid points a task; at least 1"),
    key("graph", Takes::Flag, "false", "connect the critical points, too"),
    key("coordinates", Takes::Flag, "true", "keep the coordinates of critical points"),
];

/// Keys of a range of values.
pub(super) const RANGE: &[Key] = &[
    key("from", Takes::Number, "", "first value; needed"),
    key("to", Takes::Number, "", "last value; needed"),
    key("count", Takes::Integer, "", "number of values, both ends among them; at least 2; needed"),
    key("log", Takes::Flag, "false", "in equal ratios, not in equal steps"),
];

const MEMORIZATION: &[Key] = &[
    key(
        "near",
        Takes::Number,
        "0.5",
        "a memory is no farther from its datum than this share of the distance to the nearest other datum",
    ),
    key(
        "barrier",
        Takes::Number,
        "1",
        "saddles no higher above the lowest minimum, in units of the temperature, join minima to one structure",
    ),
    key("temperature", Takes::Number, "the landscape's", "the temperature"),
    key(
        "gap",
        Takes::Number,
        "0.5",
        "gap in the spectrum, as a share of the curvature of a single well, below which lie the directions of a manifold",
    ),
    key(
        "extent",
        Takes::Number,
        "4",
        "widths of a single well that a structure of several minima is at least across",
    ),
    key("directions", Takes::Integer, "0", "random directions a minimum along which its basin is measured"),
    key("training_data", Takes::Text, "its data", "file of the data, for a landscape that doesn't know them"),
    key("held_out", Takes::Text, "", "file of data that the landscape was not made from"),
    key("samples", Takes::Text, "", "file of samples to be told apart"),
    key(
        "draw",
        Takes::Integer,
        "0",
        "samples to be drawn from the landscape, a mixture or a score, if there is no file",
    ),
    key("process", Takes::Text, "sde", "by which they are drawn: sde or ode"),
    key("steps", Takes::Integer, "256", "its steps"),
    key("from", Takes::Number, "", "time of the schedule at which it begins; needed for a score"),
    key("denoise", Takes::Flag, "true", "take the noise off that is left in the samples drawn"),
    key(
        "memorized_within",
        Takes::Number,
        "half the median distance of a datum to the nearest other",
        "a sample this near to a datum is memorized",
    ),
    key(
        "spurious_within",
        Takes::Number,
        "half the median distance of a datum to the nearest other",
        "any other sample this near to another sample is spurious, the rest are generalized",
    ),
];

const MEASURE: &[Key] = &[
    key(
        "temperatures",
        Takes::Numbers,
        "0.5, 0.2, 0.1, 0.05, 0.02 of the landscape's own: that of a mixture, else the height of the highest saddle",
        "temperatures of exp(-E/temperature), 1 to 64 positive numbers",
    ),
    key("quadrature", Takes::Flag, "true", "integrate, in up to three dimensions"),
    key("importance", Takes::Flag, "true", "draw from Gaussians at the minima and weigh"),
    key(
        "chains",
        Takes::Flag,
        "true",
        "run Markov chains from different minima over a ladder of temperatures",
    ),
    key("samples", Takes::Integer, "64000", "most weighed draws a temperature"),
    key(
        "accuracy",
        Takes::Number,
        "0.01",
        "relative standard error of the weights of basins at which no more are drawn",
    ),
    key(
        "states",
        Takes::Integer,
        "500",
        "states kept of each chain and temperature in the first of four rounds",
    ),
    key(
        "draw",
        Takes::Integer,
        "0",
        "samples of the diffusion model by SDE and ODE, and points of the region, whose minima are counted",
    ),
    key(
        "from",
        Takes::Number,
        "where nothing of the data can be told",
        "time at which these samples begin; needed of a score that does not know its data",
    ),
    key(
        "training_data",
        Takes::Text,
        "the landscape's data",
        "a file of the data whose minima are counted, too",
    ),
    key(
        "perturbations",
        Takes::Integer,
        "0",
        "random smooth fields added to the landscape, under each of which graph and limit are computed anew",
    ),
    key(
        "perturbation",
        Takes::Number,
        "0.01",
        "the largest slope of such a field, as a share of the landscape's range of energies over its extent",
    ),
    key(
        "data_noise",
        Takes::Number,
        "0",
        "standard deviation of normal noise on all data, drawn anew as many times as there are perturbations",
    ),
];

const CERTIFY: &[Key] = &[
    key(
        "level",
        Takes::Text,
        "auto",
        "how much is to be proven: critical set (all points), memories (points of index 0 and 1 and what joins them), full (structural stability); auto: as much as there is a chance for",
    ),
    key("e0", Takes::Number, "the largest found", "perturbation of the field that is allowed, zero or more"),
    key(
        "length",
        Takes::Number,
        "half the smallest distance of two critical points",
        "its derivative may be as large as e0 divided by this length",
    ),
    key(
        "perturb",
        Takes::Integer,
        "0",
        "perturbations of either kind with which the certificate is attacked",
    ),
    key(
        "parameter",
        Takes::Text,
        "",
        "certificates for all values of this parameter between `from` and `to`",
    ),
    key("from", Takes::Number, "", "smallest value of `parameter`"),
    key("to", Takes::Number, "", "largest value of `parameter`"),
];

const REPORT: &[Key] = &[
    key("image", Takes::Numbers, "", "[rows, columns]: draw states as grey images of this shape"),
    key(
        "axes",
        Takes::Any,
        "where points spread most",
        "axes of the projection: two of energy, norm, x[3], or an array of weights, one a coordinate",
    ),
    key("title", Takes::Text, "title of the study", "title of the page and the plots"),
];

/// The sections beside the landscape.
pub(super) const TABLES: &[Table] = &[
    Table { name: "region", doc: "Where the landscape is analysed: a ball or a box.", keys: Some(REGION) },
    Table { name: "critical", doc: "How critical points are found.", keys: Some(CRITICAL) },
    Table { name: "graph", doc: "How critical points are connected.", keys: Some(GRAPH) },
    Table {
        name: "lyapunov",
        doc: "Whether an energy falls along orbits, and where they end.",
        keys: Some(LYAPUNOV),
    },
    Table {
        name: "continue",
        doc: "All branches of critical points along a parameter, their events, and the graphs between.",
        keys: Some(CONTINUE),
    },
    Table { name: "sweep", doc: "The same for many values of parameters.", keys: Some(SWEEP) },
    Table {
        name: "memorization",
        doc: "Which minima are memories, which are made of many data; the same of samples.",
        keys: Some(MEMORIZATION),
    },
    Table {
        name: "measure",
        doc: "The invariant measure at falling temperature, its limit, and how fast it is approached.",
        keys: Some(MEASURE),
    },
    Table { name: "certify", doc: "The certificate of structural stability.", keys: Some(CERTIFY) },
    Table { name: "report", doc: "How results are shown.", keys: Some(REPORT) },
];

/// The keys of a section of this version.
pub(super) fn of_section(name: &str) -> &'static [Key] {
    TABLES.iter().find(|t| t.name == name).and_then(|t| t.keys).unwrap_or(&[])
}

/// Keys of data that are drawn at random.
pub(super) const RANDOM: &[Key] = &[
    key(
        "random",
        Takes::Text,
        "",
        "how they are drawn: sphere (uniformly on it), normal (standard normal coordinates) or signs (coordinates -1 and +1); needed",
    ),
    key("dim", Takes::Integer, "", "coordinates of a point; needed"),
    key("count", Takes::Integer, "", "number of points; needed"),
    key("seed", Takes::Integer, "0", "another seed gives other points"),
    key("scale", Takes::Number, "1", "factor on all coordinates, such as the sphere's radius"),
];

/// Keys that choose among rows of `data`.
const ROWS: [Key; 3] = [
    key("rows", Takes::Any, "all", "rows of the data to use: 300 (the first 300) or \"100..400\""),
    key("shuffle", Takes::Integer, "", "seed of a random order of these rows; without it they keep theirs"),
    key("first", Takes::Integer, "all", "how many of these rows to use, the first ones after the shuffle"),
];

/// All keys of a kind: `kind` itself, its own, and those that choose among rows if it reads `data`.
pub fn of_kind(kind: &Kind) -> Vec<Key> {
    let mut keys = vec![key("kind", Takes::Text, "", "which landscape; needed")];
    let reads = kind.keys.iter().any(|k| k.takes == Takes::Data && k.name == "data");
    for own in kind.keys.iter().filter(|k| k.name != "kind") {
        keys.push(*own);
        // Beside `rows`, where the kind lists it.
        if reads && own.name == "rows" {
            keys.extend(&ROWS[1..]);
        }
    }
    if reads && kind.keys.iter().all(|k| k.name != "rows") {
        keys.extend(&ROWS);
    }
    keys
}
