//! Attributes of a node, by name and type.

use crate::onnx::messages::{AttributeProto, NodeProto, TensorProto, attribute_type, data_type};

use super::malformed;
use crate::trees::TreeError;

/// The attributes of one node; each name is there once.
pub(super) struct Attributes<'a> {
    node: &'a NodeProto,
}

/// A list of floats, which a tensor attribute gives as doubles.
pub(super) type Numbers = Vec<f64>;

impl<'a> Attributes<'a> {
    pub(super) fn new(node: &'a NodeProto) -> Result<Self, TreeError> {
        let mut names: Vec<&str> = node.attribute.iter().map(|a| a.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|p| p[0] == p[1]) {
            return Err(malformed(
                place(node),
                format!("attribute {:?} is there twice", pair[0]),
            ));
        }
        if node.attribute.iter().any(|a| !a.ref_attr_name.is_empty()) {
            return Err(malformed(
                place(node),
                "an attribute refers to a function's",
            ));
        }
        Ok(Self { node })
    }

    pub(super) fn place(&self) -> String {
        place(self.node)
    }

    /// The attribute where it is there; its type must be `kind`.
    fn get(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, TreeError> {
        let found = self.node.attribute.iter().find(|a| a.name == name);
        match found {
            Some(a) if a.kind != kind => Err(malformed(
                self.place(),
                format!("attribute {name:?} has type {}, expected {kind}", a.kind),
            )),
            found => Ok(found),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, TreeError> {
        Ok(self.get(name, attribute_type::INT)?.map(|a| a.i))
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>, TreeError> {
        Ok(self.get(name, attribute_type::FLOAT)?.map(|a| a.f))
    }

    pub(super) fn ints(&self, name: &str) -> Result<&'a [i64], TreeError> {
        let found = self.get(name, attribute_type::INTS)?;
        Ok(found.map_or(&[], |a| a.ints.as_slice()))
    }

    pub(super) fn floats(&self, name: &str) -> Result<&'a [f32], TreeError> {
        let found = self.get(name, attribute_type::FLOATS)?;
        Ok(found.map_or(&[], |a| a.floats.as_slice()))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, TreeError> {
        match self.get(name, attribute_type::STRING)? {
            Some(a) => Ok(Some(utf8(&a.s, name)?)),
            None => Ok(None),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, TreeError> {
        let found = self.get(name, attribute_type::STRINGS)?;
        let strings = found.map_or(&[][..], |a| a.strings.as_slice());
        strings.iter().map(|s| utf8(s, name)).collect()
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<Numbers>, TreeError> {
        match self.get(name, attribute_type::TENSOR)? {
            Some(AttributeProto { t: Some(t), .. }) => numbers(t, name).map(Some),
            Some(_) => Err(malformed(
                self.place(),
                format!("attribute {name:?} holds no tensor"),
            )),
            None => Ok(None),
        }
    }

    /// `name`, or `name_as_tensor` in its place, which holds doubles.
    pub(super) fn numbers(&self, name: &str) -> Result<Numbers, TreeError> {
        let floats = self.floats(name)?;
        match self.tensor(&format!("{name}_as_tensor"))? {
            Some(numbers) if floats.is_empty() => Ok(numbers),
            Some(_) => Err(malformed(
                self.place(),
                format!("{name:?} is there as floats and as a tensor"),
            )),
            None => Ok(floats.iter().map(|&x| f64::from(x)).collect()),
        }
    }
}

fn place(node: &NodeProto) -> String {
    format!("node {:?} ({})", node.name, node.op_type)
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, TreeError> {
    std::str::from_utf8(bytes)
        .map_err(|_| malformed(format!("attribute {name:?}"), "a string is not UTF-8"))
}

/// The elements of a tensor: floats, doubles or small integers, all exact in `f64`.
fn numbers(tensor: &TensorProto, name: &str) -> Result<Numbers, TreeError> {
    let fail = |problem: String| malformed(format!("attribute {name:?}"), problem);
    if tensor.data_location != 0 {
        return Err(fail(
            "its data lies in another file; save the model in one file".into(),
        ));
    }
    let raw = tensor.raw_data.as_ref();
    let values: Numbers = match (tensor.data_type, raw.is_empty()) {
        (data_type::FLOAT, true) => tensor.float_data.iter().map(|&x| x.into()).collect(),
        (data_type::FLOAT, false) => words(raw).map(|b| f32::from_le_bytes(b).into()).collect(),
        (data_type::DOUBLE, true) => tensor.double_data.clone(),
        (data_type::DOUBLE, false) => words(raw).map(f64::from_le_bytes).collect(),
        (data_type::UINT8, true) => tensor.int32_data.iter().map(|&x| x.into()).collect(),
        (data_type::UINT8, false) => raw.iter().map(|&x| x.into()).collect(),
        (other, _) => {
            return Err(fail(format!(
                "element type {other}, expected float (1), uint8 (2) or double (11)"
            )));
        }
    };
    let expected = tensor
        .dims
        .iter()
        .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
    if expected != Some(values.len()) {
        let (dims, found) = (&tensor.dims, values.len());
        return Err(fail(format!(
            "{found} elements, its shape {dims:?} wants another number"
        )));
    }
    Ok(values)
}

fn words<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.as_chunks::<N>().0.iter().copied()
}
