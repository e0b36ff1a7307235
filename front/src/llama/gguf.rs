//! The GGUF container, versions 2 and 3: metadata and tensor headers, borrowed from the file's bytes.
//!
//! Source: `docs/gguf.md` of ggml-org/ggml. Nothing is copied but keys' and tensors' headers; counts are
//! checked against what is left of the file before anything is reserved for them.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::error::LlmError;
use super::mapped::FileBytes;

/// First bytes of a GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";
/// Most metadata entries.
const MAX_KEYS: u64 = 1 << 16;
/// Most tensors: nine for each of the 1,024 layers a model may have, and a few.
const MAX_TENSORS: u64 = 1 << 14;
/// Most dimensions of a tensor.
const MAX_DIMS: u32 = 4;
/// Largest alignment.
const MAX_ALIGNMENT: u64 = 1 << 16;

/// A metadata value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    String(&'a [u8]),
    Array(Array<'a>),
}

/// A metadata array; its elements are decoded when asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array<'a> {
    kind: u32,
    pub count: u64,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// The elements in order. The array was walked when the file was read, so that none is missing.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        let mut cursor = Cursor::over("metadata array", self.bytes);
        (0..self.count).map_while(move |_| value(&mut cursor, self.kind, "an element").ok())
    }
}

/// The header of a tensor.
#[derive(Debug)]
pub(super) struct TensorHeader<'a> {
    pub name: &'a str,
    /// Dimensions, innermost first.
    pub dims: Vec<u64>,
    /// Number of the element type.
    pub kind: u32,
    /// Offset in the file.
    pub offset: u64,
}

/// The headers of a GGUF file.
#[derive(Debug)]
pub(super) struct Gguf<'a> {
    place: &'a str,
    pub metadata: BTreeMap<&'a str, Value<'a>>,
    pub tensors: Vec<TensorHeader<'a>>,
}

impl<'a> Gguf<'a> {
    /// Reads the headers.
    pub fn read(file: &'a FileBytes) -> Result<Self, LlmError> {
        let mut cursor = Cursor::new(file);
        let place = cursor.place();
        if cursor.take("the magic", 4)? != MAGIC {
            return Err(format(
                place,
                "does not start with GGUF; it is not a GGUF file",
            ));
        }
        let version = cursor.u32("the version")?;
        if !matches!(version, 2 | 3) {
            return Err(format(
                place,
                format!(
                    "GGUF version {version}, expected 2 or 3 in little-endian order; convert the model again"
                ),
            ));
        }
        // A tensor has at least a name's length, one dimension, a type and an offset; an entry a key's
        // length, a type and one byte.
        let tensor_count = cursor.count("the number of tensors", 32)?;
        let key_count = cursor.count("the number of metadata entries", 13)?;
        cap(place, "number of tensors", tensor_count, MAX_TENSORS)?;
        cap(place, "number of metadata entries", key_count, MAX_KEYS)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..key_count {
            let key = text(place, string(&mut cursor, "a metadata key")?)?;
            let kind = cursor.u32("a metadata type")?;
            let value = value(&mut cursor, kind, key)?;
            if metadata.insert(key, value).is_some() {
                return Err(format(
                    place,
                    format!("metadata key {key:?} is there twice"),
                ));
            }
        }
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(tensor(&mut cursor)?);
        }
        let mut gguf = Self {
            place,
            metadata,
            tensors,
        };
        gguf.place_tensors(cursor.position() as u64)?;
        Ok(gguf)
    }

    /// Turns offsets in the data section into offsets in the file.
    fn place_tensors(&mut self, headers: u64) -> Result<(), LlmError> {
        let alignment = self.unsigned("general.alignment")?.unwrap_or(32);
        if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
            return Err(format(
                self.place,
                format!(
                    "general.alignment is {alignment}, expected a power of two up to {MAX_ALIGNMENT}"
                ),
            ));
        }
        let data = headers.next_multiple_of(alignment);
        for tensor in &mut self.tensors {
            let offset = tensor.offset.checked_add(data);
            tensor.offset = match offset {
                Some(offset) if tensor.offset.is_multiple_of(alignment) => offset,
                _ => {
                    return Err(format(
                        self.place,
                        format!(
                            "tensor {:?} is at offset {}, expected a multiple of {alignment} inside the file",
                            tensor.name, tensor.offset
                        ),
                    ));
                }
            };
        }
        Ok(())
    }

    /// A whole number of the metadata.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, LlmError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(value)) => Ok(Some(*value)),
            Some(Value::Signed(value)) if *value >= 0 => Ok(Some(value.unsigned_abs())),
            Some(other) => Err(self.wrong_type(key, "a whole number", other)),
        }
    }

    /// A number of the metadata.
    pub fn float(&self, key: &str) -> Result<Option<f64>, LlmError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Float(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(key, "a float", other)),
        }
    }

    /// A flag of the metadata.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, LlmError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(key, "a flag", other)),
        }
    }

    /// A string of the metadata.
    pub fn string(&self, key: &str) -> Result<Option<&'a str>, LlmError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::String(value)) => text(self.place, value).map(Some),
            Some(other) => Err(self.wrong_type(key, "a string", other)),
        }
    }

    /// An array of the metadata.
    pub fn array(&self, key: &str) -> Result<Option<Array<'a>>, LlmError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(Value::Array(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(key, "an array", other)),
        }
    }

    fn wrong_type(&self, key: &str, expected: &str, found: &Value<'_>) -> LlmError {
        let found = match found {
            Value::Unsigned(v) => v.to_string(),
            Value::Signed(v) => v.to_string(),
            Value::Float(v) => v.to_string(),
            Value::Bool(v) => v.to_string(),
            Value::String(_) => "a string".into(),
            Value::Array(a) => format!("an array of {}", a.count),
        };
        format(
            self.place,
            format!("metadata key {key:?} is {found}, expected {expected}"),
        )
    }
}

fn format(place: &str, problem: impl Into<String>) -> LlmError {
    LlmError::Format {
        place: place.into(),
        problem: problem.into(),
    }
}

fn cap(place: &str, what: &str, found: u64, limit: u64) -> Result<(), LlmError> {
    if found <= limit {
        return Ok(());
    }
    Err(LlmError::TooLarge {
        place: place.into(),
        what: what.into(),
        found,
        limit,
    })
}

fn text<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a str, LlmError> {
    std::str::from_utf8(bytes)
        .map_err(|_| format(place, "a name or string is not UTF-8; the file is damaged"))
}

fn string<'a>(cursor: &mut Cursor<'a>, what: &str) -> Result<&'a [u8], LlmError> {
    let length = cursor.u64(what)?;
    cursor.take(what, length)
}

/// Reads a value of a type. Arrays of arrays are refused, so that this does not recurse.
fn value<'a>(cursor: &mut Cursor<'a>, kind: u32, what: &str) -> Result<Value<'a>, LlmError> {
    Ok(match kind {
        0 => Value::Unsigned(cursor.u8(what)?.into()),
        1 => Value::Signed(cursor.u8(what)?.cast_signed().into()),
        2 => Value::Unsigned(cursor.u16(what)?.into()),
        3 => Value::Signed(cursor.u16(what)?.cast_signed().into()),
        4 => Value::Unsigned(cursor.u32(what)?.into()),
        5 => Value::Signed(cursor.i32(what)?.into()),
        6 => Value::Float(f32::from_bits(cursor.u32(what)?).into()),
        7 => Value::Bool(cursor.u8(what)? != 0),
        8 => Value::String(string(cursor, what)?),
        9 => Value::Array(array(cursor, what)?),
        10 => Value::Unsigned(cursor.u64(what)?),
        11 => Value::Signed(cursor.u64(what)?.cast_signed()),
        12 => Value::Float(f64::from_bits(cursor.u64(what)?)),
        other => {
            return Err(format(
                cursor.place(),
                format!("{what}: metadata type {other} is not known; the file is damaged"),
            ));
        }
    })
}

/// Reads past an array and keeps its bytes.
fn array<'a>(cursor: &mut Cursor<'a>, what: &str) -> Result<Array<'a>, LlmError> {
    let kind = cursor.u32(what)?;
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        // A string takes at least its length.
        8 | 10..=12 => 8,
        _ => {
            return Err(format(
                cursor.place(),
                format!("{what}: an array of type {kind} is not supported"),
            ));
        }
    };
    let count = cursor.count(what, size)?;
    let mut walk = cursor.clone();
    let mut bytes = count * size;
    if kind == 8 {
        for _ in 0..count {
            string(&mut walk, what)?;
        }
        bytes = (walk.position() - cursor.position()) as u64;
    }
    Ok(Array {
        kind,
        count,
        bytes: cursor.take(what, bytes)?,
    })
}

fn tensor<'a>(cursor: &mut Cursor<'a>) -> Result<TensorHeader<'a>, LlmError> {
    let place = cursor.place();
    let name = text(place, string(cursor, "a tensor's name")?)?;
    let count = cursor.u32("a tensor's number of dimensions")?;
    if !(1..=MAX_DIMS).contains(&count) {
        return Err(format(
            place,
            format!("tensor {name:?} has {count} dimensions, expected 1 to {MAX_DIMS}"),
        ));
    }
    let mut dims = Vec::new();
    for _ in 0..count {
        dims.push(cursor.u64("a tensor's dimension")?);
    }
    Ok(TensorHeader {
        name,
        dims,
        kind: cursor.u32("a tensor's type")?,
        offset: cursor.u64("a tensor's offset")?,
    })
}
