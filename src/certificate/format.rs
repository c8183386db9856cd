//! The file `certificate.json`: plain data that builder and checker share, and nothing else that they do.
//!
//! Numbers are C's hexadecimal floats (`0x1.8p-3`), exact and readable by any language; vectors are one text of them, separated by
//! spaces. Unknown fields are refused. The last field is the SHA-256 of everything before it: it guards against damage, not against
//! forgery, since whoever changes a file can hash it anew. What makes a certificate true is that every claim is proven again.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// What the first field says.
pub const FORMAT: &str = "smale certificate 2";
/// What is trusted, word for word: a part of the claim.
pub const TRUSTED: &str = "IEEE 754 arithmetic in round-to-nearest; the correct rounding of the functions of CORE-MATH; the \
                           compiler; the checker's own source";
/// Largest file, in bytes.
pub const LARGEST: usize = 1 << 29;
/// Highest dimension.
pub const DIMENSIONS: usize = 1024;
/// Most critical points.
pub const POINTS: usize = 5_000;

/// A number, written as a hexadecimal float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hex(pub f64);

/// A vector, written as hexadecimal floats with spaces between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HexVec(pub Vec<f64>);

/// How much is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// The points listed are all of the region, with these indices, whatever the perturbation.
    #[serde(rename = "critical set")]
    CriticalSet,
    /// The points listed, of index 0 and 1, and where both halves of each unstable manifold end. Nothing about other points.
    #[serde(rename = "memories")]
    Memories,
    /// Morse-Smale on the region, with this graph, whatever the perturbation.
    #[serde(rename = "full")]
    Full,
}

impl Level {
    /// All of them, from the least to the most.
    pub const ALL: [Level; 3] = [Level::CriticalSet, Level::Memories, Level::Full];

    /// Its name in a study and in a file.
    pub fn name(self) -> &'static str {
        match self {
            Level::CriticalSet => "critical set",
            Level::Memories => "memories",
            Level::Full => "full",
        }
    }
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`FORMAT`].
    pub format: String,
    /// Free text, no part of the claim.
    pub title: String,
    /// How much is claimed.
    pub level: Level,
    /// Is it claimed that there are no other critical points in the region?
    pub complete: bool,
    /// [`TRUSTED`].
    pub trusted: String,
    /// The energy.
    pub landscape: Definition,
    /// A parameter of the energy of which the claim holds for all values between two; absent if for the value stated only.
    pub along: Option<Along>,
    /// The set on which the claim holds; absent where the claim is about the balls and tubes listed only.
    pub region: Option<Region>,
    /// Fields may be off by this much: `|X + grad E| <= e0`.
    pub e0: Hex,
    /// And by this much in the derivative: `|DX + Hess E| <= e1` in the spectral norm.
    pub e1: Hex,
    /// The critical points; a point's place is its number.
    pub zeros: Vec<Zero>,
    /// The halves of one-dimensional manifolds.
    pub edges: Vec<Edge>,
    /// The boundary operators modulo 2, from index 1 on: pairs of points joined by an odd number of orbits.
    pub boundary: Vec<Vec<[usize; 2]>>,
    /// Betti numbers of the region, modulo 2, from 0 on; empty where they are not claimed.
    pub betti: Vec<usize>,
    /// How the region is searched; absent where completeness is not claimed.
    pub cover: Option<Cover>,
}

/// A landscape, with everything it is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum Definition {
    /// An energy given as text, plus `(confinement/2) |x|^2`.
    #[serde(rename = "formula")]
    Formula {
        /// Number of coordinates.
        dim: usize,
        /// The text; decimal literals are the doubles nearest to them.
        energy: String,
        /// Names and values of the parameters.
        parameters: Vec<(String, Hex)>,
        /// See above.
        confinement: Hex,
    },
    /// `-log sum_k w_k exp(-|x - a y_k|^2/(2 sigma^2)) + (confinement/2) |x|^2`.
    #[serde(rename = "mixture")]
    Mixture {
        /// The data y_k and their weights.
        data: Data,
        /// Factor on the data.
        a: Hex,
        /// Width.
        sigma: Hex,
        /// See above.
        confinement: Hex,
    },
    /// `|x|^2/2 - (1/beta) log sum_k w_k exp(beta y_k.x) + (confinement/2) |x|^2`.
    #[serde(rename = "modern-hopfield")]
    ModernHopfield {
        /// The patterns y_k and their weights.
        data: Data,
        /// Inverse temperature.
        beta: Hex,
        /// See above.
        confinement: Hex,
    },
    /// `f(x) + (lambda/2) |x|^2`, f a perceptron: linear layers, with the activation after each but the last, which has one row.
    #[serde(rename = "neural")]
    Neural {
        /// What stands between the layers.
        activation: Activation,
        /// The layers, in the order in which they are passed.
        layers: Vec<Dense>,
        /// See above.
        lambda: Hex,
        /// SHA-256 of the numbers, layer by layer the weights row by row and then the bias, as little-endian doubles.
        sha256: String,
    },
}

/// A function of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `log(1 + exp z)`.
    Softplus,
    /// Hyperbolic tangent.
    Tanh,
    /// `z/(1 + exp(-z))`.
    Silu,
    /// `sin z`.
    Sin,
}

impl Activation {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Softplus => "softplus",
            Activation::Tanh => "tanh",
            Activation::Silu => "silu",
            Activation::Sin => "sin",
        }
    }
}

/// `h -> weight h + bias`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// One text a row.
    pub weight: Vec<HexVec>,
    /// As long as there are rows.
    pub bias: HexVec,
}

impl Dense {
    /// The hash of several layers.
    pub fn hash(layers: &[Dense]) -> String {
        let numbers =
            |l: &'_ Dense| l.weight.iter().chain([&l.bias]).flat_map(|r| r.0.clone()).collect::<Vec<f64>>();
        let mut hash = Sha256::new();
        layers.iter().flat_map(numbers).for_each(|v| hash.update(v.to_le_bytes()));
        digits(&hash.finalize())
    }
}

/// All values of a parameter between two: of a formula one of its parameters, of a mixture `sigma`, of a modern Hopfield network `beta`, of
/// a neural energy `lambda`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Along {
    /// Its name.
    pub parameter: String,
    /// The smallest value.
    pub lower: Hex,
    /// The largest; the energy's own lies between the two.
    pub upper: Hex,
}

/// What the first field of a file of several says.
pub const SEVERAL: &str = "smale certificates 1";

/// The first line of a file of several certificates along a parameter; each further line is one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SEVERAL`].
    pub format: String,
    /// The parameter.
    pub parameter: String,
    /// The smallest value of it.
    pub lower: Hex,
    /// The largest.
    pub upper: Hex,
    /// Intervals between the two of which nothing is claimed, ascending.
    pub gaps: Vec<Gap>,
}

/// Values of a parameter of which nothing is claimed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The smallest.
    pub lower: Hex,
    /// The largest.
    pub upper: Hex,
    /// Why, as far as it is known: free text.
    pub reason: String,
}

impl Header {
    /// As a line.
    ///
    /// # Errors
    /// If it holds a number that is not finite.
    pub fn line(&self) -> Result<String, String> {
        serde_json::to_string(self).map(|text| text + "\n").map_err(|e| e.to_string())
    }
}

/// Rows with weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Numbers in a row.
    pub dim: usize,
    /// One text a row.
    pub rows: Vec<HexVec>,
    /// One positive number a row, of any sum.
    pub weights: HexVec,
    /// SHA-256 of the numbers, row by row and then the weights, as little-endian doubles.
    pub sha256: String,
}

/// A compact convex set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Region {
    /// `|x - center| <= radius`.
    Ball {
        /// Centre.
        center: HexVec,
        /// Radius.
        radius: Hex,
    },
    /// `lower <= x <= upper`, coordinate by coordinate.
    Box {
        /// Lower corner.
        lower: HexVec,
        /// Upper corner.
        upper: HexVec,
    },
}

/// A critical point: of each field that is meant there is exactly one zero within `unique` of the centre, it lies within `radius` and
/// is hyperbolic of this index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zero {
    /// Centre (length n).
    pub center: HexVec,
    /// See above.
    pub radius: Hex,
    /// See above.
    pub unique: Hex,
    /// Of a point of index 0 or n: everything within this distance of the centre flows to it, or comes from it; 0 if not claimed.
    pub basin: Hex,
    /// Number of unstable directions.
    pub index: usize,
    /// Approximate eigenvalues of the Hessian, ascending.
    pub values: HexVec,
    /// Approximate eigenvectors, one a row in the order of the eigenvalues.
    pub vectors: Vec<HexVec>,
}

/// Half of a one-dimensional manifold, with the block through which it leaves its point and the tube that carries it on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The point whose manifold it is: of index 1, or if `up` of index n - 1.
    pub of: usize,
    /// Is it a stable manifold, followed against the flow?
    pub up: bool,
    /// +1 or -1: the side, along the eigenvector.
    pub side: i8,
    /// Where it ends: a point's number; absent where it leaves the region (only if `up`).
    pub end: Option<usize>,
    /// Half the length of the block along the eigenvector.
    pub half: Hex,
    /// Half its width across, in lengths of `half`.
    pub slope: Hex,
    /// The tube, in the order in which it is followed.
    pub tube: Vec<Cylinder>,
}

/// A piece of a cone about a parabola: `c + t u + (t^2/2) q + w` with `|w| <= radius + growth t`, u along `axis`, q what of
/// `bend` is orthogonal to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cylinder {
    /// c.
    pub c: HexVec,
    /// A vector along u, of any length.
    pub axis: HexVec,
    /// See above.
    pub bend: HexVec,
    /// `-back <= t <= ahead`, the radius at t = 0 and its growth: four numbers.
    pub shape: HexVec,
}

/// A subdivision of the region and of its boundary. A tree is a text in the order parent, lower half, upper half: a digit bisects that
/// coordinate; a letter closes a box: `n` (the gradient is larger than e0 there, by its enclosure), `m` (the same, by the mean value
/// form), `z` (in the ball of uniqueness of a listed point, or, at the level `full`, in the block of a saddle), `o` (outside). On the boundary `n` and `m` say that the flow enters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cover {
    /// Of the region: its box, or the cube about the ball.
    pub inside: String,
    /// Of a box: its faces, lower and upper, coordinate by coordinate. Of a ball: one tree, of the cube about it.
    pub boundary: Vec<String>,
}

impl Certificate {
    /// As a file: JSON that ends with the hash of everything before it.
    ///
    /// # Errors
    /// If it holds a number that is not finite.
    pub fn seal(&self) -> Result<String, String> {
        let text = serde_json::to_string(self).map_err(|e| e.to_string())?;
        let body = text.strip_suffix('}').unwrap_or(&text);
        Ok(format!("{body}{SEAL}{}\"}}\n", hash(body.as_bytes())))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A sentence on why it is none.
    pub fn open(bytes: &[u8]) -> Result<Certificate, String> {
        if bytes.len() > LARGEST {
            return Err(format!("the file has {} bytes, more than the {LARGEST} that are read", bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "the file is no text (UTF-8)")?;
        let end = "the file does not end with the hash of its content";
        let text = text.strip_suffix("\"}\n").ok_or(end)?;
        // The hash has 64 digits.
        let cut = text.len().checked_sub(64).ok_or(end)?;
        let (head, stated) = (text.get(..cut).ok_or(end)?, text.get(cut..).ok_or(end)?);
        let body = head.strip_suffix(SEAL).ok_or(end)?;
        if hash(body.as_bytes()) != stated {
            return Err(
                "the hash at its end is not that of its content: the file was changed or damaged".into()
            );
        }
        let whole = format!("{body}}}");
        serde_json::from_str(&whole).map_err(|e| format!("the file is no certificate: {e}"))
    }
}

const SEAL: &str = ",\"sha256\":\"";

/// SHA-256 as lower-case hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl Definition {
    /// Dimension n.
    pub fn dim(&self) -> usize {
        match self {
            Definition::Formula { dim, .. } => *dim,
            Definition::Mixture { data, .. } | Definition::ModernHopfield { data, .. } => data.dim,
            Definition::Neural { layers, .. } => {
                layers.first().and_then(|l| l.weight.first()).map_or(0, |row| row.0.len())
            }
        }
    }
}

impl Data {
    /// From rows and weights, with their hash.
    pub fn new(dim: usize, rows: Vec<Vec<f64>>, weights: Vec<f64>) -> Data {
        let sha256 = Data::digest(rows.iter().map(Vec::as_slice), &weights);
        Data { dim, rows: rows.into_iter().map(HexVec).collect(), weights: HexVec(weights), sha256 }
    }

    /// The hash that its numbers have.
    pub fn hash(&self) -> String {
        Data::digest(self.rows.iter().map(|r| r.0.as_slice()), &self.weights.0)
    }

    fn digest<'a>(rows: impl Iterator<Item = &'a [f64]>, weights: &'a [f64]) -> String {
        let mut hash = Sha256::new();
        rows.chain([weights]).flatten().for_each(|v| hash.update(v.to_le_bytes()));
        digits(&hash.finalize())
    }
}

/// A number as a hexadecimal float.
pub fn write_hex(value: f64) -> String {
    let bits = value.to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let (lead, power) = match (exponent, fraction) {
        (0, 0) => return format!("{sign}0x0p+0"),
        (0, _) => (0, -1022),
        _ => (1, exponent as i64 - 1023),
    };
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{sign}0x{lead}{point}{digits}p{power:+}")
}

/// Reads what [`write_hex`] writes, and nothing else: one number has one text.
///
/// # Errors
/// A sentence that names the text.
pub fn read_hex(text: &str) -> Result<f64, String> {
    let wrong = || {
        let shown: String = text.chars().take(40).collect();
        format!("`{shown}` is no hexadecimal float")
    };
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let rest = rest.strip_prefix("0x").ok_or_else(wrong)?;
    let (digits, power) = rest.split_once('p').ok_or_else(wrong)?;
    let (lead, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 13 || power.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let power: i64 = power.parse().map_err(|_| wrong())?;
    let padded = format!("{fraction:0<13}");
    let fraction = u64::from_str_radix(&padded, 16).map_err(|_| wrong())?;
    let exponent = match lead {
        "1" if (-1022..=1023).contains(&power) => (power + 1023) as u64,
        "0" => 0,
        _ => return Err(wrong()),
    };
    let value = f64::from_bits((u64::from(negative) << 63) | (exponent << 52) | fraction);
    if write_hex(value) != text {
        return Err(wrong());
    }
    Ok(value)
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return Err(serde::ser::Error::custom("a number is not finite"));
        }
        serializer.serialize_str(&write_hex(self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        read_hex(&text).map(Hex).map_err(D::Error::custom)
    }
}

impl Serialize for HexVec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.iter().all(|v| v.is_finite()) {
            return Err(serde::ser::Error::custom("a number is not finite"));
        }
        let texts: Vec<String> = self.0.iter().map(|v| write_hex(*v)).collect();
        serializer.serialize_str(&texts.join(" "))
    }
}

impl<'de> Deserialize<'de> for HexVec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(HexVec(vec![]));
        }
        text.split(' ').map(read_hex).collect::<Result<_, _>>().map(HexVec).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them_and_read_back() {
        for (value, text) in [
            (1.0, "0x1p+0"),
            (0.1, "0x1.999999999999ap-4"),
            (-3.5, "-0x1.cp+1"),
            (0.0, "0x0p+0"),
            (-0.0, "-0x0p+0"),
            (5e-324, "0x0.0000000000001p-1022"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
        ] {
            assert_eq!(write_hex(value), text);
            assert_eq!(read_hex(text).map(f64::to_bits), Ok(value.to_bits()));
        }
        for wrong in [
            "",
            "1",
            "0x2p+0",
            "0x1p0",
            "0x1.0p+0",
            "0x1.p+0",
            "0x1p+1024",
            "nan",
            "0x1p+0 ",
            "0x1.8P+0",
            "0x1.8éé+0",
        ] {
            assert!(read_hex(wrong).is_err(), "{wrong}");
        }
    }
}
