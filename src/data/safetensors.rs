//! Tensors of a safetensors file: one as a table, or all of them.

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, SafeTensors};

use super::number::{Form, Number};
use super::source::{check_finite, choose, rows_and_columns};
use super::{RawTable, Tensor};
use crate::error::{Error, Result};

/// Reads one tensor of the bytes of a safetensors file.
pub(super) fn parse(file: &str, bytes: &[u8], key: Option<&str>) -> Result<RawTable> {
    let (tensors, names) = open(file, bytes)?;
    let name = choose(file, &names, key)?;
    let tensor = tensors.tensor(name).map_err(|e| broken(file, &e))?;
    let file = format!("{file}#{name}");
    let shape: Vec<u64> = tensor.shape().iter().map(|s| *s as u64).collect();
    let (_, columns) = rows_and_columns(&file, &shape)?;
    let table = RawTable { columns, values: decode(&file, &tensor)? };
    check_finite(&file, &table)?;
    Ok(table)
}

/// Reads all tensors, in the order of their names, whatever their shapes and numbers.
pub(super) fn parse_all(file: &str, bytes: &[u8]) -> Result<Vec<Tensor>> {
    let (tensors, names) = open(file, bytes)?;
    let read = |name: String| {
        let tensor = tensors.tensor(&name).map_err(|e| broken(file, &e))?;
        let values = decode(&format!("{file}#{name}"), &tensor)?;
        Ok(Tensor { name, shape: tensor.shape().to_vec(), values })
    };
    names.into_iter().map(read).collect()
}

/// The tensors and their names, sorted.
fn open<'a>(file: &str, bytes: &'a [u8]) -> Result<(SafeTensors<'a>, Vec<String>)> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(file, &e))?;
    let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
    names.sort();
    if names.is_empty() {
        return Err(broken(file, &"it holds no tensor"));
    }
    Ok((tensors, names))
}

fn broken(file: &str, why: &dyn std::fmt::Display) -> Error {
    Error::input(format!("{file} is no readable safetensors file: {why}"))
}

fn decode(file: &str, tensor: &TensorView<'_>) -> Result<Vec<f64>> {
    let number = element(file, tensor.dtype())?;
    let mut values = Vec::with_capacity(tensor.data().len() / number.bytes);
    number.decode(tensor.data(), |v| values.push(v));
    Ok(values)
}

fn element(file: &str, dtype: Dtype) -> Result<Number> {
    let (form, bytes) = match dtype {
        Dtype::F64 => (Form::Float, 8),
        Dtype::F32 => (Form::Float, 4),
        Dtype::F16 => (Form::Float, 2),
        Dtype::BF16 => (Form::Bfloat, 2),
        Dtype::I64 => (Form::Signed, 8),
        Dtype::I32 => (Form::Signed, 4),
        Dtype::I16 => (Form::Signed, 2),
        Dtype::I8 => (Form::Signed, 1),
        Dtype::U64 => (Form::Unsigned, 8),
        Dtype::U32 => (Form::Unsigned, 4),
        Dtype::U16 => (Form::Unsigned, 2),
        Dtype::U8 => (Form::Unsigned, 1),
        Dtype::BOOL => (Form::Bool, 1),
        other => {
            return Err(Error::input(format!("{file} holds elements of type {other:?}, which are not read"))
                .with_help("F64, F32, F16, BF16, integers and BOOL are"));
        }
    };
    Ok(Number { form, bytes, big_endian: false })
}
