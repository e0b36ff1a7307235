//! A walk over the protobuf wire format before decoding, against decoder bombs.
//!
//! Decoding turns a two-byte empty message into a struct of some hundred bytes and a one-byte packed
//! integer into eight, so a file cap alone does not bound memory. The walk counts the fields that
//! become structs or strings and the bytes of integer lists, and follows only the messages that the
//! importer decodes. It allocates nothing.

use super::ImportError;

/// Largest number of fields of a model: 64 for each of the 4,096 nodes a program may have. At the some
/// 400 bytes of the largest decoded message this bounds the decoder to about 100 MB beside the weights.
pub const MAX_FIELDS: u64 = 1 << 18;
/// Largest number of bytes in integer lists (shapes and the like; weights are floats).
pub const MAX_INTEGER_BYTES: u64 = 1 << 24;

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
    /// Strings, byte strings, packed floats, and skipped fields: decoded to their own size.
    Plain,
}

fn field(message: Message, number: u64) -> Field {
    use Field::{Integers, Message as Sub};
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
        (Message::Attribute, 8) | (Message::Tensor, 1 | 5 | 7) => Integers,
        _ => Field::Plain,
    }
}

struct Counts {
    fields: u64,
    integers: u64,
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
        },
    )
}

/// The recursion is as deep as the longest path of [`field`], which has no cycle: seven calls.
fn walk(mut bytes: &[u8], message: Message, counts: &mut Counts) -> Result<(), ImportError> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        counts.fields += 1;
        if counts.fields > MAX_FIELDS {
            return Err(too_large(
                "number of protobuf fields",
                counts.fields,
                MAX_FIELDS,
            ));
        }
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => drop(take(&mut bytes, 8)?),
            5 => drop(take(&mut bytes, 4)?),
            2 => {
                let length = varint(&mut bytes)?;
                let body = take(&mut bytes, length)?;
                match field(message, key >> 3) {
                    Field::Message(inner) => walk(body, inner, counts)?,
                    Field::Integers => counts.integers += length,
                    Field::Plain => {}
                }
                if counts.integers > MAX_INTEGER_BYTES {
                    return Err(too_large(
                        "bytes of integer lists",
                        counts.integers,
                        MAX_INTEGER_BYTES,
                    ));
                }
            }
            other => return Err(ImportError::Protobuf(format!("wire type {other}"))),
        }
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
