//! The catalogue of ops: one file an op, which has all that the model knows of it.
//!
//! | op | proof |
//! | --- | --- |
//! | [`dense`], [`dense_add`] | products, two sumchecks |
//! | [`dense_relu`] | the same, and one zero-check |
//! | [`grouped`] | products, two sumchecks |
//! | [`matmul`] | a product |
//! | [`relu`], [`leaky_relu`], [`abs`], [`clip`], [`saturate`] | one zero-check |
//! | [`add`], [`rescale`] | linear, a random point |
//! | [`max`] | one zero-check, row sums, a random point |
//! | [`mul`], [`divide`] | one zero-check |
//! | [`activation`] | lookups only |
//! | [`reshape`] | wiring: the output is the operand's column |
//! | [`view`](mod@view) | wiring: the output is read off the operands' columns by maps |
//! | [`delay`] | wiring: the output is read off the column of a later node, one step before |
//! | [`embed`] | a product over the vocabulary |
//! | [`rms_norm`] | two products, one zero-check |
//! | [`rope`] | a product with public angles |
//! | [`scores`], [`mix`] | products, row sums, a zero-check |
//! | [`softmax`] | one zero-check, row sums, lookups |
//! | [`argmax`] | linear, and a product |
//! | [`forest`] | lookups in committed tables, one zero-check |
//! | [`row_argmax`] | one zero-check, row sums, a random point |
//!
//! A new op is a file with a struct of its parameters that implements [`OpSpec`], and one line of the registry at
//! the end of this page. What has no default there is part of soundness: a wrong answer is a forgery, so that each
//! op states it.

mod bounds;
mod check;
mod columns;
mod node;

pub mod abs;
pub mod activation;
pub mod add;
pub mod argmax;
pub mod clip;
pub mod delay;
pub mod dense;
pub mod dense_add;
pub mod dense_relu;
pub mod divide;
pub mod embed;
pub mod forest;
pub mod grouped;
pub mod leaky_relu;
pub mod matmul;
pub mod max;
pub mod mix;
pub mod mul;
pub mod relu;
pub mod rescale;
pub mod reshape;
pub mod rms_norm;
pub mod rope;
pub mod row_argmax;
pub mod saturate;
pub mod scores;
pub mod softmax;
pub mod view;

pub use abs::Abs;
pub use activation::Activation;
pub use add::Add;
pub use argmax::Argmax;
pub use bounds::Bounds;
pub use check::Check;
pub(crate) use check::Used;
pub use clip::Clip;
pub use columns::{AuxColumn, Extent, Lookup, NodeTable, Output, Place, Role};
pub use delay::Delay;
pub use dense::Dense;
pub use dense_add::DenseAdd;
pub use dense_relu::DenseRelu;
pub use divide::Divide;
pub use embed::Embed;
pub use forest::Forest;
pub use grouped::Grouped;
pub use leaky_relu::LeakyRelu;
pub use matmul::MatMul;
pub use max::{Max, Outside};
pub use mix::Mix;
pub use mul::Mul;
pub use node::{Io, Placed};
pub use relu::Relu;
pub use rescale::Rescale;
pub use reshape::Reshape;
pub use rms_norm::RmsNorm;
pub use rope::Rope;
pub use row_argmax::RowArgmax;
pub use saturate::Saturate;
pub use scores::Scores;
pub use softmax::Softmax;
pub use view::View;

use std::ops::Deref;

use laminate_engine::claim;
use laminate_engine::relations::Relation;
use serde::{Deserialize, Serialize};

use crate::program::{Program, Weights};

/// What the model knows of an op: an implementation is the struct of its parameters.
pub trait OpSpec {
    /// Name of the op as it stands in messages and artifacts.
    fn name(&self) -> &'static str;

    /// Number of operands.
    fn arity(&self) -> usize {
        1
    }

    /// Whether the op belongs to programs over tokens.
    fn over_tokens(&self) -> bool {
        false
    }

    /// Checks parameters and shapes; that operands and output are tensors of the program is known.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, node: &mut Check<'_, '_>) -> Result<(), String>;

    /// The operand that the op reads from no column, if there is one: the verifier knows it.
    fn clear_operand(&self) -> Option<usize> {
        None
    }

    /// Where the output stands.
    fn output(&self) -> Output;

    /// Number of bytes of the rounding remainder committed for each output element; none if nothing is rounded.
    fn remainder_bytes(&self) -> usize {
        0
    }

    /// The auxiliary columns beside the remainder, each of another role.
    fn columns(&self) -> Vec<AuxColumn> {
        vec![]
    }

    /// What the relations rely on of the output's range: nothing where they leave one value, which is an integer
    /// in range if all others are.
    fn relied_output(&self) -> Option<Bounds>;

    /// What the relations rely on of an operand's range.
    fn relied_operand(&self, operand: usize) -> Option<Bounds>;

    /// What the op computes from operands of these values in padded features, weights zero there; none outside a
    /// table.
    fn padding(&self, program: &Program, operand: &dyn Fn(usize) -> i64) -> Option<i64>;

    /// Whether padded features have one value in all of the output that follows from the program, [`Self::padding`], if
    /// those of the operands are so.
    fn even_padding(&self, _: &Io<'_>, operand: &dyn Fn(usize) -> bool) -> bool {
        (0..self.arity()).all(operand)
    }

    /// Whether the relations prove the output to be zero behind the end of a feature axis, if operands are behind those
    /// of theirs for which it is told, by operand and axis.
    fn zero_padding(&self, node: &Io<'_>, axis: usize, zero: &dyn Fn(usize, usize) -> bool)
    -> bool;

    /// Who is not known to be zero on padding, if the op sums over padding that may hold something.
    fn open_padding(&self, node: &Io<'_>) -> Option<&'static str>;

    /// A bound of the absolute value that is rounded, `|v| + 2^(s-1)`, or that is the result if nothing is, for all
    /// operands in their ranges.
    fn bound(&self, node: &Io<'_>, weights: &Weights) -> u128;

    /// The relations; none if the node is not as [`Self::check`] wants it.
    fn relations(&self, node: &Placed<'_>) -> Option<Vec<Relation>>;

    /// The output as a view of the operands' columns, of an op whose output is one.
    ///
    /// # Errors
    /// What does not fit; never of a checked program.
    fn view(&self, _: &Io<'_>, _: &[claim::View]) -> Result<Option<claim::View>, String> {
        Ok(None)
    }

    /// What the op asks of how its operands stand in columns.
    ///
    /// # Errors
    /// What is wrong.
    fn check_columns(&self, _: &Io<'_>, _: &[claim::View]) -> Result<(), String> {
        Ok(())
    }

    /// Whether the op does the same at every place of the first feature axis, from what its operands have at that place alone, so
    /// that it may stand in a recurrence along that axis ([`delay`]).
    fn steps(&self, _: &Io<'_>) -> bool {
        false
    }

    /// The operand that a later node makes, if there is one: it is read one step before.
    fn delayed(&self) -> Option<usize> {
        None
    }

    /// What is looked up in the program's tables.
    fn lookups(&self) -> Vec<Lookup> {
        vec![]
    }

    /// Views of the node's columns whose every value is a limb, on padding as well: each is looked up in the table of
    /// limbs.
    fn ranges(&self, _: &Placed<'_>) -> Vec<claim::View> {
        vec![]
    }

    /// What an auxiliary column of one limb is a view of, so that with limbs of its width ([`Self::ranges`]) it need not
    /// be committed to. None of most.
    fn viewed(&self, _: Role) -> Option<&'static str> {
        None
    }

    /// Whether an auxiliary column stands in no block, as [`Self::viewed`] says.
    fn is_viewed(&self, program: &Program, role: Role) -> bool {
        program.limb_bits == 16 && self.viewed(role).is_some()
    }

    /// log2 of the rows of the tables of committed columns that the node makes.
    fn tables(&self, _: &Io<'_>) -> Vec<usize> {
        vec![]
    }

    /// Those tables, and what is looked up in them: as many as [`Self::tables`].
    fn node_tables(&self, _: &Placed<'_>) -> Vec<NodeTable> {
        vec![]
    }

    /// What determines an auxiliary column so that it needs no limbs: an identity or a table of committed columns. None
    /// of most.
    fn determined(&self, _: Role) -> Option<&'static str> {
        None
    }

    /// The auxiliary columns, in the order in which they are laid out.
    fn aux_columns(&self) -> Vec<AuxColumn> {
        let mut out = self.columns();
        if self.remainder_bytes() > 0 {
            out.push(AuxColumn {
                role: Role::REMAINDER,
                bytes: self.remainder_bytes(),
                extent: Extent::Output,
            });
        }
        out
    }

    /// What the relations rely on of a column's range. An auxiliary column is as wide as they need it.
    fn relied(&self, place: Place) -> Option<Bounds> {
        match place {
            Place::Output => self.relied_output(),
            Place::Operand(operand) => self.relied_operand(operand),
            Place::Auxiliary(role) if self.determined(role).is_some() => None,
            Place::Auxiliary(role) => {
                let column = self.aux_columns().into_iter().find(|c| c.role == role)?;
                Some(Bounds::unsigned(8 * column.bytes as u32))
            }
        }
    }
}

/// Makes the enum of ops, its dispatch to [`OpSpec`], and [`with_op`](crate::with_op) for other crates' traits.
macro_rules! ops {
    (($d:tt) $($tag:literal $op:ident,)*) => {
        /// The fixed catalogue of ops. `s` is always a multiple of [`Program::limb_bits`], so that
        /// remainders are whole limbs. `round_s(v) = floor((v + 2^(s-1)) / 2^s)`. Index `t` is the slot; the
        /// stack index of repeated blocks is left out. `docs/specs/numerics.md` has every formula.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Op {
            $(
                #[doc = concat!("[`", stringify!($op), "`]")]
                $op($op),
            )*
        }

        /// How an encoded program tells the ops apart: by their order.
        const TAGS: &[usize] = &[$($tag),*];

        impl Op {
            /// One of each op.
            pub const EACH: [Self; TAGS.len()] = [$(Self::$op($op::EXAMPLE)),*];
        }

        impl Deref for Op {
            type Target = dyn OpSpec;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$op(op) => op,)*
                }
            }
        }

        $(
            impl From<$op> for Op {
                fn from(op: $op) -> Self {
                    Self::$op(op)
                }
            }
        )*

        /// `with_op!(op, x => expression)`: the expression with `x` the struct of whichever op it is.
        #[macro_export]
        macro_rules! with_op {
            ($d op:expr, $d x:ident => $d then:expr) => {
                match $d op {
                    $($crate::ops::Op::$op($d x) => $d then,)*
                }
            };
        }
    };
}

ops! { ($)
    0 Dense,
    1 Relu,
    2 LeakyRelu,
    3 Activation,
    4 Add,
    5 Mul,
    6 Reshape,
    7 Embed,
    8 DenseAdd,
    9 RmsNorm,
    10 Rope,
    11 Scores,
    12 Softmax,
    13 Mix,
    14 Argmax,
    15 View,
    16 Max,
    17 Rescale,
    18 Forest,
    19 DenseRelu,
    20 Abs,
    21 Clip,
    22 Grouped,
    23 MatMul,
    24 Divide,
    25 RowArgmax,
    26 Delay,
    27 Saturate,
}

#[cfg(test)]
pub(crate) mod testing {
    use halo2curves_axiom::bn256::Fr;
    use laminate_engine::claim::View;
    use laminate_engine::field::fr_from_i64;
    use laminate_engine::relations::Elementwise;

    /// So many columns that stand for any.
    pub fn columns(count: usize) -> Vec<View> {
        vec![View::limbs(Fr::from(0), &[], 8); count]
    }

    /// Asserts that the relation accepts `good` columns and refuses each of `bad`.
    pub fn accepts_and_refuses(relation: &Elementwise, good: &[i64], bad: &[&[i64]]) {
        let holds = |row: &[i64]| {
            let row: Vec<Fr> = row.iter().map(|v| fr_from_i64(*v)).collect();
            assert_eq!(row.len(), relation.columns.len());
            relation
                .quadratic
                .iter()
                .chain(&relation.linear)
                .all(|e| e.evaluate(&row) == Fr::from(0))
        };
        assert!(holds(good), "{good:?} refused");
        for row in bad {
            assert!(!holds(row), "{row:?} accepted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registry's tags are what stands in encoded programs, and names are distinct.
    #[test]
    fn encoded_ops_begin_with_their_tag() {
        for (op, tag) in Op::EACH.iter().zip(TAGS) {
            let bytes = postcard::to_stdvec(op).expect("an op");
            assert_eq!(usize::from(bytes[0]), *tag, "{}", op.name());
            assert_eq!(postcard::from_bytes::<Op>(&bytes).as_ref(), Ok(op));
        }
        let names: std::collections::BTreeSet<_> = Op::EACH.iter().map(|op| op.name()).collect();
        assert_eq!(names.len(), TAGS.len());
    }

    /// Columns are found by their role.
    #[test]
    fn a_node_has_one_column_of_a_role() {
        for op in Op::EACH {
            let columns = op.aux_columns();
            let roles: std::collections::BTreeSet<_> = columns.iter().map(|c| c.role).collect();
            assert_eq!(roles.len(), columns.len(), "{}", op.name());
        }
    }

    /// Parameters follow the tag, nothing else: what programs had before there were structs of parameters.
    #[test]
    fn parameters_follow_the_tag() {
        let encoded = |op: Op| postcard::to_stdvec(&op).expect("an op");
        let dense = Dense {
            weight: 300,
            shift: 24,
        };
        assert_eq!(encoded(dense.into()), [0, 0xac, 2, 24]);
        assert_eq!(encoded(Relu.into()), [1]);
        let add = Add {
            left: 1,
            right: 200,
            shift: 8,
        };
        assert_eq!(encoded(add.into()), [4, 1, 0xc8, 1, 8]);
        assert_eq!(encoded(Argmax.into()), [14]);
    }
}
