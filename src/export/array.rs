//! The coordinates of the critical points as a NumPy array.

use npyz::WriterBuilder;

use super::check_set;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};

/// `critical_points.npy`: N x n float64 in C order, row i the point with id i.
pub fn critical_points_npy(set: &CriticalSet) -> Result<Vec<u8>> {
    check_set(set)?;
    let shape = [set.points.len() as u64, set.region.dim() as u64];
    let mut bytes = Vec::with_capacity(128 + 8 * set.points.len() * set.region.dim());
    let failed = |e: std::io::Error| Error::Numerics(format!("critical_points.npy cannot be written: {e}"));
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(&mut bytes)
        .begin_nd()
        .map_err(failed)?;
    writer.extend(set.points.iter().flat_map(|p| p.x.iter().copied())).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
