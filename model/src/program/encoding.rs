//! How a program is encoded: as a struct of its fields, sequence and binding in one.

use serde::{Deserialize, Serialize};

use super::{Carry, DenseShape, Node, Program, RopeTable, Table, Tensor, TensorId, TensorView};
use crate::ends::stored::{self, Ends};

/// What is carried, and the scales of input columns: of a program over tokens and of one over rows.
type Carried = (Option<Carry>, Vec<i8>);

/// A program has at most one of the two, so they have one place: a program without scales is encoded as one before there
/// were any.
mod carried {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Carried, Carry};

    #[derive(Serialize, Deserialize)]
    enum Stored {
        None,
        Carry(Carry),
        InputScales(Vec<i8>),
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text {
        InputScales { input_scales: Vec<i8> },
        Carry(Option<Carry>),
    }

    pub fn serialize<S: Serializer>(of: &Carried, serializer: S) -> Result<S::Ok, S::Error> {
        let (carry, scales) = of;
        if carry.is_some() && !scales.is_empty() {
            return Err(S::Error::custom("a carry and scales of input columns"));
        }
        let input_scales = scales.clone();
        match (serializer.is_human_readable(), carry) {
            (true, carry) if scales.is_empty() => Text::Carry(*carry).serialize(serializer),
            (true, _) => Text::InputScales { input_scales }.serialize(serializer),
            (false, Some(carry)) => Stored::Carry(*carry).serialize(serializer),
            (false, None) if scales.is_empty() => Stored::None.serialize(serializer),
            (false, None) => Stored::InputScales(input_scales).serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Carried, D::Error> {
        if deserializer.is_human_readable() {
            return Ok(match Text::deserialize(deserializer)? {
                Text::InputScales { input_scales } => (None, input_scales),
                Text::Carry(carry) => (carry, vec![]),
            });
        }
        Ok(match Stored::deserialize(deserializer)? {
            Stored::None => (None, vec![]),
            Stored::Carry(carry) => (Some(carry), vec![]),
            Stored::InputScales(scales) if scales.is_empty() => {
                return Err(D::Error::custom("scales of no input columns"));
            }
            Stored::InputScales(scales) => (None, scales),
        })
    }
}

/// The fields of a [`Program`] in their order.
#[derive(Serialize, Deserialize)]
pub(super) struct Encoded {
    name: String,
    batch_log: u8,
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    input: TensorId,
    output: TensorId,
    weights: Vec<DenseShape>,
    tables: Vec<Table>,
    row_log: u8,
    limb_bits: u8,
    check_weights: bool,
    #[serde(rename = "sequence", with = "stored")]
    ends: Ends,
    #[serde(with = "carried")]
    carry: Carried,
    rope: Vec<RopeTable>,
    views: Vec<TensorView>,
}

impl From<Program> for Encoded {
    fn from(program: Program) -> Self {
        let Program {
            name,
            batch_log,
            tensors,
            nodes,
            input,
            output,
            weights,
            tables,
            row_log,
            limb_bits,
            check_weights,
            sequence,
            binding,
            carry,
            rope,
            views,
            input_scales,
        } = program;
        Self {
            name,
            batch_log,
            tensors,
            nodes,
            input,
            output,
            weights,
            tables,
            row_log,
            limb_bits,
            check_weights,
            ends: (sequence, binding),
            carry: (carry, input_scales),
            rope,
            views,
        }
    }
}

impl From<Encoded> for Program {
    fn from(encoded: Encoded) -> Self {
        let (sequence, binding) = encoded.ends;
        let (carry, input_scales) = encoded.carry;
        Self {
            name: encoded.name,
            batch_log: encoded.batch_log,
            tensors: encoded.tensors,
            nodes: encoded.nodes,
            input: encoded.input,
            output: encoded.output,
            weights: encoded.weights,
            tables: encoded.tables,
            row_log: encoded.row_log,
            limb_bits: encoded.limb_bits,
            check_weights: encoded.check_weights,
            sequence,
            binding,
            carry,
            rope: encoded.rope,
            views: encoded.views,
            input_scales,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_of_input_columns_stand_where_a_carry_does() {
        let mut program = Program::empty("scales", 0, 10);
        let before = postcard::to_stdvec(&program).expect("a program");
        program.input_scales = vec![3, -4];
        let bytes = postcard::to_stdvec(&program).expect("a program");
        assert_eq!(
            postcard::from_bytes::<Program>(&bytes).as_ref(),
            Ok(&program)
        );
        let text = serde_json::to_string(&program).expect("text");
        assert_eq!(
            serde_json::from_str::<Program>(&text).expect("text"),
            program
        );
        // Nothing, nothing rotated, no views at the end; or scales: a tag, their number and they.
        let (head, tail) = before.split_at(before.len() - 3);
        assert_eq!(tail, [0, 0, 0]);
        assert_eq!(bytes, [head, &[2, 2, 3, 0xfc, 0, 0]].concat());
        // None is none.
        let none = [head, &[2, 0, 0, 0]].concat();
        assert!(postcard::from_bytes::<Program>(&none).is_err());
        program.carry = Some(Carry {
            input: 0,
            entry: 1,
            exit: 2,
            output: 3,
        });
        assert!(postcard::to_stdvec(&program).is_err());
    }
}
