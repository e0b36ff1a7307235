//! Universal Binary JSON (draft 12), as far as XGBoost writes it, for `serde`.
//!
//! Big-endian numbers, containers with or without a type and a count. Nesting is bounded; nothing is reserved by a
//! count that the file states.

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// Deepest nesting.
pub const MAX_DEPTH: u32 = 64;

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UbjError(String);

impl de::Error for UbjError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Decodes one value that fills the bytes.
///
/// # Errors
/// [`UbjError`] where the bytes are no UBJSON or do not fit `T`.
pub fn from_slice<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, UbjError> {
    let mut reader = Reader {
        bytes,
        left: bytes,
        depth: 0,
    };
    let marker = reader.marker()?;
    let value = T::deserialize(Value {
        reader: &mut reader,
        marker,
    })
    .map_err(|e| UbjError(format!("{e}, near byte {}", reader.at())))?;
    if reader.left.iter().any(|&b| b != b'N') {
        return Err(UbjError(format!(
            "{} bytes after the document",
            reader.left.len()
        )));
    }
    Ok(value)
}

struct Reader<'de> {
    bytes: &'de [u8],
    left: &'de [u8],
    depth: u32,
}

impl<'de> Reader<'de> {
    fn at(&self) -> usize {
        self.bytes.len() - self.left.len()
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], UbjError> {
        let Some((head, rest)) = self.left.split_at_checked(count) else {
            return Err(UbjError(format!(
                "{count} bytes expected at byte {}, {} are left",
                self.at(),
                self.left.len()
            )));
        };
        self.left = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], UbjError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn byte(&mut self) -> Result<u8, UbjError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// The next marker, no-ops skipped.
    fn marker(&mut self) -> Result<u8, UbjError> {
        loop {
            match self.byte()? {
                b'N' => {}
                marker => return Ok(marker),
            }
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64, UbjError> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            other => return Err(self.unexpected(other, "an integer")),
        })
    }

    fn length(&mut self) -> Result<usize, UbjError> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        usize::try_from(length)
            .map_err(|_| UbjError(format!("length {length} at byte {}", self.at())))
    }

    fn text(&mut self) -> Result<&'de str, UbjError> {
        let length = self.length()?;
        let at = self.at();
        std::str::from_utf8(self.take(length)?)
            .map_err(|_| UbjError(format!("the string at byte {at} is not UTF-8")))
    }

    fn unexpected(&self, marker: u8, expected: &str) -> UbjError {
        let marker = marker.escape_ascii();
        UbjError(format!(
            "marker '{marker}' before byte {}, expected {expected}",
            self.at()
        ))
    }

    /// Type and count of the container that was just opened.
    fn header(&mut self) -> Result<(Option<u8>, Option<usize>), UbjError> {
        let kind = if self.left.first() == Some(&b'$') {
            self.byte()?;
            let kind = self.byte()?;
            // Values of no bytes would make a few bytes stand for any number of them.
            if !matches!(
                kind,
                b'i' | b'U' | b'I' | b'l' | b'L' | b'd' | b'D' | b'C' | b'S' | b'[' | b'{'
            ) {
                return Err(self.unexpected(kind, "a type with a payload"));
            }
            Some(kind)
        } else {
            None
        };
        let count = if self.left.first() == Some(&b'#') {
            self.byte()?;
            Some(self.length()?)
        } else if kind.is_some() {
            return Err(UbjError(format!(
                "a typed container without a count at byte {}",
                self.at()
            )));
        } else {
            None
        };
        Ok((kind, count))
    }
}

/// A value whose marker is read.
struct Value<'r, 'de> {
    reader: &'r mut Reader<'de>,
    marker: u8,
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = UbjError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        let Self { reader, marker } = self;
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'i' | b'U' | b'I' | b'l' | b'L' => match reader.integer(marker)? {
                v @ 0.. => visitor.visit_u64(v as u64),
                v => visitor.visit_i64(v),
            },
            b'd' => visitor.visit_f32(f32::from_be_bytes(reader.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(reader.array()?)),
            b'C' => visitor.visit_char(char::from(reader.byte()?)),
            b'S' => visitor.visit_borrowed_str(reader.text()?),
            b'[' | b'{' => {
                if reader.depth >= MAX_DEPTH {
                    return Err(UbjError(format!(
                        "nesting deeper than {MAX_DEPTH} at byte {}",
                        reader.at()
                    )));
                }
                reader.depth += 1;
                let (kind, left) = reader.header()?;
                let items = Items {
                    reader: &mut *reader,
                    kind,
                    left,
                    end: if marker == b'[' { b']' } else { b'}' },
                };
                let value = if marker == b'[' {
                    visitor.visit_seq(items)?
                } else {
                    visitor.visit_map(items)?
                };
                reader.depth -= 1;
                Ok(value)
            }
            other => Err(reader.unexpected(other, "a value")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, UbjError> {
        if self.marker == b'Z' {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Entries of an open container.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    kind: Option<u8>,
    left: Option<usize>,
    end: u8,
}

impl Items<'_, '_> {
    /// Whether another entry follows; its marker for an array without a type.
    fn next(&mut self) -> Result<bool, UbjError> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => {
                while self.reader.left.first() == Some(&b'N') {
                    self.reader.byte()?;
                }
                if self.reader.left.first() == Some(&self.end) {
                    self.reader.byte()?;
                    self.left = Some(0);
                    return Ok(false);
                }
                Ok(true)
            }
        }
    }

    fn value<'de, T: DeserializeSeed<'de>>(
        reader: &mut Reader<'de>,
        kind: Option<u8>,
        seed: T,
    ) -> Result<T::Value, UbjError> {
        let marker = match kind {
            Some(kind) => kind,
            None => reader.marker()?,
        };
        seed.deserialize(Value { reader, marker })
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = UbjError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, UbjError> {
        if !self.next()? {
            return Ok(None);
        }
        Self::value(self.reader, self.kind, seed).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = UbjError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, UbjError> {
        if !self.next()? {
            return Ok(None);
        }
        let key: de::value::BorrowedStrDeserializer<'de, UbjError> =
            de::value::BorrowedStrDeserializer::new(self.reader.text()?);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, UbjError> {
        Self::value(self.reader, self.kind, seed)
    }
}
