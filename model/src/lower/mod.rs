//! Programs as relations and lookups of the engine; what an op is made of stands in its file of [`crate::ops`].
//!
//! Range checks are not part of a relation: every committed column lies in a region that one lookup
//! covers ([`lookups`]), or tables show what is relied on ([`crate::layout::reliance`]).

pub mod lookups;

use laminate_engine::relations::Relation;

use crate::layout::Layout;
use crate::ops::Placed;
use crate::program::Program;

/// Number of the list of input tokens, which an embedding reads.
pub const INPUT_TOKENS: usize = 0;
/// Number of the list of output tokens.
pub const OUTPUT_TOKENS: usize = 1;

/// The relations of node `index`; none for ops that are only wiring and lookups.
pub fn relations(program: &Program, layout: &Layout, index: usize) -> Vec<Relation> {
    let node = Placed::new(program, layout, index);
    let found = node.and_then(|node| node.io.node.op.relations(&node));
    found.unwrap_or_default()
}
