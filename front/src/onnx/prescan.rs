//! A walk over the protobuf wire format before decoding, against decoder bombs.
//!
//! Decoding turns a two-byte empty message into a struct of some hundred bytes and a one-byte packed
//! integer into eight, so a file cap alone does not bound memory. The walk counts the fields that
//! become structs or strings, the strings of attributes' lists and the bytes of integer lists, and follows
//! only the messages that the importer decodes. It allocates nothing.

use super::ImportError;

/// Largest number of fields of a model: 64 for each of the 4,096 nodes a program may have. At the some
/// 400 bytes of the largest decoded message this bounds the decoder to about 100 MB beside the weights.
pub const MAX_FIELDS: u64 = 1 << 18;
/// Largest number of bytes in integer lists (shapes and the like; weights are floats) and of numbers that
/// stand as fields of their own, which is how the lists of an attribute are written.
pub const MAX_INTEGER_BYTES: u64 = 1 << 25;
/// Largest number of strings in lists of attributes, one for each node of a tree model. Their bytes are not
/// copied; each takes the 32 bytes of a handle.
pub const MAX_STRINGS: u64 = 1 << 23;

/// Messages whose fields are counted.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Type,
    TensorType,
    Shape,
    Dimension,
    Entry,
}

/// What a length-delimited field of a message holds.
enum Field {
    Message(Message),
    Integers,
    Strings,
    /// Strings, byte strings, packed floats, and skipped fields: decoded to their own size.
    Plain,
}

fn field(message: Message, number: u64) -> Field {
    use Field::{Integers, Message as Sub, Strings};
    match (message, number) {
        (Message::Model, 7) => Sub(Message::Graph),
        (Message::Graph, 1) => Sub(Message::Node),
        (Message::Graph, 5) | (Message::Attribute, 5) => Sub(Message::Tensor),
        (Message::Graph, 11 | 12) => Sub(Message::Value),
        (Message::Tensor, 13) => Sub(Message::Entry),
        (Message::Node, 5) => Sub(Message::Attribute),
        (Message::Value, 2) => Sub(Message::Type),
        (Message::Type, 1) => Sub(Message::TensorType),
        (Message::TensorType, 2) => Sub(Message::Shape),
        (Message::Shape, 1) => Sub(Message::Dimension),
        (Message::Attribute, 8) | (Message::Tensor, 1 | 5 | 7 | 11) => Integers,
        (Message::Attribute, 9) => Strings,
        _ => Field::Plain,
    }
}

struct Counts {
    fields: u64,
    integers: u64,
    strings: u64,
}

impl Counts {
    fn check(&self) -> Result<(), ImportError> {
        for (what, found, limit) in [
            ("number of protobuf fields", self.fields, MAX_FIELDS),
            ("number of strings in lists", self.strings, MAX_STRINGS),
            ("bytes of integer lists", self.integers, MAX_INTEGER_BYTES),
        ] {
            if found > limit {
                return Err(too_large(what, found, limit));
            }
        }
        Ok(())
    }
}

/// Checks that decoding `bytes` as a model takes memory in proportion to the file.
///
/// # Errors
/// [`ImportError::TooLarge`] above a cap, [`ImportError::Protobuf`] where the wire format is broken.
pub fn prescan(bytes: &[u8]) -> Result<(), ImportError> {
    walk(
        bytes,
        Message::Model,
        &mut Counts {
            fields: 0,
            integers: 0,
            strings: 0,
        },
    )
}

/// The recursion is as deep as the longest path of [`field`], which has no cycle: seven calls.
fn walk(mut bytes: &[u8], message: Message, counts: &mut Counts) -> Result<(), ImportError> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
                counts.integers += 1;
            }
            1 => {
                take(&mut bytes, 8)?;
                counts.integers += 1;
            }
            5 => {
                take(&mut bytes, 4)?;
                counts.integers += 1;
            }
            2 => {
                let length = varint(&mut bytes)?;
                let body = take(&mut bytes, length)?;
                match field(message, key >> 3) {
                    Field::Message(inner) => {
                        counts.fields += 1;
                        // Before the walk: an empty message is a field too.
                        counts.check()?;
                        walk(body, inner, counts)?;
                    }
                    Field::Integers => counts.integers += length,
                    Field::Strings => counts.strings += 1,
                    Field::Plain => counts.fields += 1,
                }
            }
            other => return Err(ImportError::Protobuf(format!("wire type {other}"))),
        }
        counts.check()?;
    }
    Ok(())
}

fn too_large(what: &str, found: u64, limit: u64) -> ImportError {
    ImportError::TooLarge {
        what: what.into(),
        found,
        limit,
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], ImportError> {
    let split = usize::try_from(length)
        .ok()
        .and_then(|n| bytes.split_at_checked(n));
    let (head, tail) = split.ok_or_else(|| {
        ImportError::Protobuf(format!(
            "a field of {length} bytes where {} are left",
            bytes.len()
        ))
    })?;
    *bytes = tail;
    Ok(head)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ImportError> {
    let mut value = 0u64;
    for at in 0..10 {
        let (first, rest) = bytes
            .split_first()
            .ok_or_else(|| ImportError::Protobuf("the file ends inside a number".into()))?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << (7 * at);
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ImportError::Protobuf(
        "a number of more than ten bytes".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` empty nodes inside a graph: two bytes each.
    fn bomb(count: usize) -> Vec<u8> {
        let body: Vec<u8> = std::iter::repeat_n([0x0a, 0x00], count).flatten().collect();
        let mut out = vec![0x3a];
        prost::encoding::encode_varint(body.len() as u64, &mut out);
        out.extend(body);
        out
    }

    #[test]
    fn counts_nested_fields() {
        assert!(prescan(&bomb(1000)).is_ok());
        assert!(matches!(
            prescan(&bomb(MAX_FIELDS as usize + 1)),
            Err(ImportError::TooLarge { .. })
        ));
    }

    #[test]
    fn broken_wire_is_an_error() {
        for bytes in [&[0x3a, 0x05][..], &[0xff; 12], &[0x0b], &[0x08]] {
            assert!(
                matches!(prescan(bytes), Err(ImportError::Protobuf(_))),
                "{bytes:x?}"
            );
        }
    }
}
