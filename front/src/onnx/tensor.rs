//! Constants of a model: decoded, checked against their shape, and finite.

use super::error::ImportError;
use super::messages::{TensorProto, data_type};

/// Largest number of elements of one constant.
pub const MAX_ELEMENTS: usize = 1 << 29;

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Floats, all finite.
    Float(Vec<f32>),
    /// Integers (shapes and axes).
    Int(Vec<i64>),
}

/// A constant: `elements` row-major in shape `dims`; no dims is a scalar.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Name in the model.
    pub name: String,
    /// Shape.
    pub dims: Vec<usize>,
    /// Elements, as many as the product of `dims`.
    pub elements: Elements,
}

impl Constant {
    /// Decodes a tensor message.
    ///
    /// # Errors
    /// [`ImportError::Tensor`] if shape, type and data disagree, [`ImportError::NonFinite`] for NaN
    /// and infinities, [`ImportError::TooLarge`] above [`MAX_ELEMENTS`].
    pub fn from_proto(tensor: &TensorProto, name: &str) -> Result<Self, ImportError> {
        let fail = |problem: String| ImportError::Tensor {
            tensor: name.into(),
            problem,
        };
        if tensor.data_location != 0 {
            return Err(fail(
                "its data lies in another file; give the model as a file with that one beside it, or save it with embedded weights".into(),
            ));
        }
        let dims = dims(&tensor.dims).map_err(&fail)?;
        let count = element_count(&dims, name)?;
        let raw = tensor.raw_data.as_ref();
        let sized = |width: usize, typed: usize| {
            let (found, from) = match raw.len() {
                0 => (typed, "values"),
                n => (n / width, "raw values"),
            };
            if raw.len() % width != 0 || found != count {
                return Err(fail(format!(
                    "{found} {from} ({} raw bytes), its shape {dims:?} wants {count}",
                    raw.len()
                )));
            }
            Ok(!raw.is_empty())
        };
        let elements = match tensor.data_type {
            data_type::FLOAT => Elements::Float(match sized(4, tensor.float_data.len())? {
                true => words(raw).map(f32::from_le_bytes).collect(),
                false => tensor.float_data.clone(),
            }),
            data_type::DOUBLE => Elements::Float(match sized(8, tensor.double_data.len())? {
                true => words(raw).map(|b| f64::from_le_bytes(b) as f32).collect(),
                false => tensor.double_data.iter().map(|v| *v as f32).collect(),
            }),
            data_type::FLOAT16 => Elements::Float(match sized(2, tensor.int32_data.len())? {
                true => words(raw).map(|b| half(u16::from_le_bytes(b))).collect(),
                false => tensor.int32_data.iter().map(|v| half(*v as u16)).collect(),
            }),
            data_type::BFLOAT16 => {
                let upper = |bits: u16| f32::from_bits(u32::from(bits) << 16);
                Elements::Float(match sized(2, tensor.int32_data.len())? {
                    true => words(raw).map(|b| upper(u16::from_le_bytes(b))).collect(),
                    false => tensor.int32_data.iter().map(|v| upper(*v as u16)).collect(),
                })
            }
            other => Elements::Int(integers(tensor, other, &sized).unwrap_or_else(|| {
                Err(fail(format!(
                    "element type {other}, expected a number: float (1), float16 (10), double (11), bfloat16 (16), integers of 8 to 64 bits, or bool (9)"
                )))
            })?),
        };
        Self::new(name, dims, elements)
    }

    /// A constant from its parts.
    ///
    /// # Errors
    /// [`ImportError::NonFinite`] if a float is NaN or infinite.
    pub fn new(name: &str, dims: Vec<usize>, elements: Elements) -> Result<Self, ImportError> {
        if let Elements::Float(values) = &elements
            && let Some((index, value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite())
        {
            return Err(ImportError::NonFinite {
                tensor: name.into(),
                index,
                value: f64::from(*value),
            });
        }
        Ok(Self {
            name: name.into(),
            dims,
            elements,
        })
    }

    /// The elements as floats.
    ///
    /// # Errors
    /// [`ImportError::Tensor`] for an integer constant.
    pub fn floats(&self) -> Result<&[f32], ImportError> {
        match &self.elements {
            Elements::Float(values) => Ok(values),
            Elements::Int(_) => Err(self.wrong_type("integers", "floats")),
        }
    }

    /// The elements as numbers, whatever they are.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.elements {
            Elements::Float(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Elements::Int(values) => values.iter().map(|v| *v as f64).collect(),
        }
    }

    /// The elements as integers.
    ///
    /// # Errors
    /// [`ImportError::Tensor`] for a float constant.
    pub fn integers(&self) -> Result<&[i64], ImportError> {
        match &self.elements {
            Elements::Int(values) => Ok(values),
            Elements::Float(_) => Err(self.wrong_type("floats", "integers")),
        }
    }

    fn wrong_type(&self, found: &str, expected: &str) -> ImportError {
        ImportError::Tensor {
            tensor: self.name.clone(),
            problem: format!("holds {found}, expected {expected}"),
        }
    }

    /// Broadcasts to the features of an activation of shape `(batch, features…)` by NumPy's rules;
    /// shape `(prod features)`. The constant may not vary over the batch.
    ///
    /// # Errors
    /// [`ImportError::Tensor`] if the shapes do not broadcast.
    pub fn broadcast(&self, features: &[usize]) -> Result<Vec<f64>, ImportError> {
        let values = self.numbers();
        let lead = self.dims.len().saturating_sub(features.len());
        let (over, inner) = self.dims.split_at(lead);
        let skip = features.len() - inner.len();
        let fits = over.len() <= 1
            && over.iter().all(|d| *d == 1)
            && inner
                .iter()
                .zip(features.iter().skip(skip))
                .all(|(d, f)| *d == 1 || d == f);
        if !fits {
            return Err(ImportError::Tensor {
                tensor: self.name.clone(),
                problem: format!(
                    "shape {:?} does not broadcast to features {features:?}",
                    self.dims
                ),
            });
        }
        let total: usize = features.iter().product();
        let mut out = Vec::with_capacity(total);
        for flat in 0..total {
            // Walk the axes from the last: `rest` is what of the flat index remains, `stride` the
            // constant's stride, which does not grow over an axis of size one.
            let (mut rest, mut at, mut stride) = (flat, 0, 1);
            for (axis, size) in features.iter().enumerate().rev() {
                let coordinate = rest % size;
                rest /= size;
                let own = axis
                    .checked_sub(skip)
                    .and_then(|a| inner.get(a))
                    .copied()
                    .unwrap_or(1);
                if own != 1 {
                    at += coordinate * stride;
                    stride *= own;
                }
            }
            out.push(values.get(at).copied().unwrap_or(0.0));
        }
        Ok(out)
    }
}

/// The integers of a tensor of such a type; none if it is another.
fn integers(
    tensor: &TensorProto,
    kind: i32,
    sized: &impl Fn(usize, usize) -> Result<bool, ImportError>,
) -> Option<Result<Vec<i64>, ImportError>> {
    let raw = tensor.raw_data.as_ref();
    let short = || tensor.int32_data.iter().map(|v| i64::from(*v)).collect();
    // A number above the largest is far beyond what any program holds.
    let long = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
    macro_rules! of {
        ($type:ty, $width:literal, $data:expr, $typed:expr) => {
            sized($width, $data.len()).map(|is_raw| match is_raw {
                true => words(raw)
                    .map(|b| <$type>::from_le_bytes(b).into())
                    .collect(),
                false => $typed,
            })
        };
    }
    Some(match kind {
        data_type::INT32 => of!(i32, 4, tensor.int32_data, short()),
        data_type::BOOL | data_type::UINT8 => of!(u8, 1, tensor.int32_data, short()),
        data_type::INT8 => of!(i8, 1, tensor.int32_data, short()),
        data_type::UINT16 => of!(u16, 2, tensor.int32_data, short()),
        data_type::INT16 => of!(i16, 2, tensor.int32_data, short()),
        data_type::INT64 => of!(i64, 8, tensor.int64_data, tensor.int64_data.clone()),
        data_type::UINT32 => {
            let typed = tensor.uint64_data.iter().map(|v| long(*v));
            of!(u32, 4, tensor.uint64_data, typed.collect())
        }
        data_type::UINT64 => sized(8, tensor.uint64_data.len()).map(|is_raw| match is_raw {
            true => words(raw).map(|b| long(u64::from_le_bytes(b))).collect(),
            false => tensor.uint64_data.iter().map(|v| long(*v)).collect(),
        }),
        _ => return None,
    })
}

/// A float of 16 bits: sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// Little-endian words of `N` bytes.
fn words<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.as_chunks::<N>().0.iter().copied()
}

fn dims(dims: &[i64]) -> Result<Vec<usize>, String> {
    dims.iter()
        .map(|d| usize::try_from(*d).map_err(|_| format!("negative dimension {d}")))
        .collect()
}

fn element_count(dims: &[usize], name: &str) -> Result<usize, ImportError> {
    let count = dims
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .unwrap_or(usize::MAX);
    if count > MAX_ELEMENTS {
        return Err(ImportError::TooLarge {
            what: format!("number of elements of tensor {name:?}"),
            found: count as u64,
            limit: MAX_ELEMENTS as u64,
        });
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(dims: &[usize], values: &[f32]) -> Constant {
        Constant::new("c", dims.to_vec(), Elements::Float(values.to_vec())).unwrap()
    }

    #[test]
    fn broadcasts_like_numpy() {
        assert_eq!(constant(&[], &[2.0]).broadcast(&[3]).unwrap(), [2.0; 3]);
        assert_eq!(
            constant(&[1, 2], &[1.0, 2.0]).broadcast(&[2]).unwrap(),
            [1.0, 2.0]
        );
        let column = constant(&[2, 1], &[1.0, 2.0]);
        assert_eq!(
            column.broadcast(&[2, 3]).unwrap(),
            [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        );
        let row = constant(&[3], &[1.0, 2.0, 3.0]);
        assert_eq!(
            row.broadcast(&[2, 3]).unwrap(),
            [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
        );
    }

    #[test]
    fn refuses_what_does_not_broadcast() {
        assert!(constant(&[2], &[1.0, 2.0]).broadcast(&[3]).is_err());
        assert!(
            constant(&[2, 1], &[1.0, 2.0]).broadcast(&[1]).is_err(),
            "varies over the batch"
        );
    }

    #[test]
    fn shape_and_data_must_agree_before_anything_is_allocated() {
        let huge = TensorProto {
            dims: vec![1 << 40],
            data_type: data_type::FLOAT,
            ..Default::default()
        };
        assert!(matches!(
            Constant::from_proto(&huge, "w"),
            Err(ImportError::TooLarge { .. })
        ));
        let overflow = TensorProto {
            dims: vec![i64::MAX; 3],
            ..huge.clone()
        };
        assert!(matches!(
            Constant::from_proto(&overflow, "w"),
            Err(ImportError::TooLarge { .. })
        ));
        let negative = TensorProto {
            dims: vec![-1],
            ..huge.clone()
        };
        assert!(matches!(
            Constant::from_proto(&negative, "w"),
            Err(ImportError::Tensor { .. })
        ));
        let short = TensorProto {
            dims: vec![2],
            float_data: vec![1.0],
            ..huge
        };
        assert!(matches!(
            Constant::from_proto(&short, "w"),
            Err(ImportError::Tensor { .. })
        ));
    }
}
