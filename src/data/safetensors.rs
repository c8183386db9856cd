//! Tensors of a safetensors file.

use ::safetensors::{Dtype, SafeTensors};

use super::RawTable;
use super::number::{Form, Number};
use super::source::{check_finite, choose, rows_and_columns};
use crate::error::{Error, Result};

/// Reads one tensor of the bytes of a safetensors file.
pub(super) fn parse(file: &str, bytes: &[u8], key: Option<&str>) -> Result<RawTable> {
    let broken = |why: String| Error::input(format!("{file} is no readable safetensors file: {why}"));
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| broken(e.to_string()))?;
    let mut names: Vec<String> = tensors.names().into_iter().map(str::to_owned).collect();
    names.sort();
    if names.is_empty() {
        return Err(broken("it holds no tensor".into()));
    }
    let name = choose(file, &names, key)?;
    let tensor = tensors.tensor(name).map_err(|e| broken(e.to_string()))?;
    let file = format!("{file}#{name}");
    let number = element(&file, tensor.dtype())?;
    let shape: Vec<u64> = tensor.shape().iter().map(|s| *s as u64).collect();
    let (rows, columns) = rows_and_columns(&file, &shape)?;
    let mut values = Vec::with_capacity(rows * columns);
    number.decode(tensor.data(), |v| values.push(v));
    let table = RawTable { columns, values };
    check_finite(&file, &table)?;
    Ok(table)
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
