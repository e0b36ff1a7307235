//! The recorded verifier as JSON, for verifiers that run neither this code nor an EVM.
//!
//! It is written from the graph that the contract's assembly is written from, so both do the same: words that must be below `r`, challenges, sums and
//! products, two sums of points and the pairing. Its format is in `docs/specs/artifacts.md`, "Verifier program". A program takes exactly the calldata
//! of its contract.
//!
//! A constraint system has one program up to the four words of `−[τ]_2`, as it has one contract ([`super::template`]).

use halo2_base::halo2_proofs::halo2curves::bn256::{G1Affine, G2Affine};
use halo2_base::halo2_proofs::halo2curves::ff::PrimeField;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::emit::Terms;
use super::graph::{Base, Id, Node};
use super::transcript::Piece;
use super::{Opening, Plan, Recording, Word, word};
use crate::evm::secret::secret_words;
use crate::srs::{development_s_g2, setup_id};

#[cfg(test)]
pub(crate) mod interpreter;

/// What the file is.
const MAGIC: &str = "laminate verifier program";
/// Version of its format.
const VERSION: u32 = 2;

/// A verifier as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierProgram {
    /// The file.
    pub text: String,
    /// SHA-256 of magic, version and program, which `verifier.json` and `deployment.json` name.
    pub digest: [u8; 32],
}

impl VerifierProgram {
    /// That of a reference string with `[τ]_2`.
    pub(super) fn of(mut program: Value, s_g2: &G2Affine) -> Self {
        let secret = secret_words(s_g2).map(|word| hex(&word));
        program["setup"] = json!(hex(&setup_id(&G2Affine::generator(), s_g2)));
        program["development"] = json!(*s_g2 == development_s_g2());
        program["minusTauG2"] = json!(secret);
        let digest = digest(&program);
        let file = json!({
            "magic": MAGIC,
            "version": VERSION,
            "digest": hex(&digest),
            "program": program,
        });
        Self {
            text: file.to_string() + "\n",
            digest,
        }
    }
}

/// SHA-256 of `magic ‖ space ‖ version ‖ newline ‖ program`, the program as JSON without white space and with its members in order.
fn digest(program: &Value) -> [u8; 32] {
    let hash = Sha256::new().chain_update(format!("{MAGIC} {VERSION}\n"));
    hash.chain_update(program.to_string()).finalize().into()
}

/// All of a program but the reference string.
pub(super) fn emit_json(
    recording: &Recording,
    plan: &Plan,
    scalars: &[usize],
    inverted: &[Id],
) -> Value {
    let graph = recording.recorder.0.borrow();
    let [_, rows, n_inverse, generator, generator_inverse] = plan.head();
    let pairs = [(rows, n_inverse), (generator, generator_inverse)];
    let inverses = pairs.into_iter().filter_map(|pair| match pair {
        (Node::Calldata(a), Node::Calldata(b)) => Some([a, b]),
        _ => None,
    });
    let roots = recording.sides.iter().flat_map(|side| side.iter());
    let fold = recording.fold.iter().map(|(fold, _)| *fold);
    let roots = roots.map(|term| term.0).chain(inverted.iter().copied());
    let roots = roots.chain(fold);
    let numbering = Numbering::of(graph.nodes(), roots);
    let nodes = graph.nodes().iter().enumerate();
    let nodes: Vec<Value> = nodes
        .filter(|(id, _)| numbering.0[*id].is_some())
        .map(|(_, node)| numbering.node(*node))
        .collect();
    let sides = recording.sides.each_ref().map(|side| {
        let terms = side.iter();
        let terms = terms.map(|(scalar, point)| json!([numbering.id(*scalar), base(*point)]));
        terms.collect::<Vec<_>>()
    });
    let terms = recording.fold.map(|(fold, _)| {
        let (_, Terms { left, terms }) = plan.terms();
        json!({ "left": left, "from": terms, "fold": numbering.id(fold) })
    });
    let inverted: Vec<_> = inverted.iter().map(|id| numbering.id(*id)).collect();
    json!({
        "opening": match plan.opening {
            Opening::Shplonk => "shplonk",
            Opening::Packed(_) => "packed",
        },
        "instances": plan.words(),
        "keyWords": plan.key_words(),
        "proofLength": plan.end() - plan.proof(),
        "scalars": scalars,
        "inverses": inverses.collect::<Vec<_>>(),
        "rows": leaf(rows),
        "challenges": recording.transcript.segments.iter().map(|s| segment(s)).collect::<Vec<_>>(),
        "nodes": nodes,
        "inverted": inverted,
        "inverse": plan.inverse(),
        "sides": sides,
        "terms": terms,
    })
}

/// Places of the nodes that are needed among those alone.
struct Numbering(Vec<Option<usize>>);

impl Numbering {
    fn of(nodes: &[Node], roots: impl Iterator<Item = Id>) -> Self {
        let mut needed = vec![false; nodes.len()];
        roots.for_each(|root| needed[root] = true);
        for (id, node) in nodes.iter().enumerate().rev() {
            if needed[id] {
                node.operands().for_each(|operand| needed[operand] = true);
            }
        }
        let mut next = 0;
        let place = |needed: bool| {
            needed.then(|| {
                next += 1;
                next - 1
            })
        };
        Self(needed.into_iter().map(place).collect())
    }

    /// `null` of a node that is not needed, which nothing refers to.
    fn id(&self, id: Id) -> Value {
        json!(self.0[id])
    }

    fn node(&self, node: Node) -> Value {
        match node {
            Node::Negated(a) => json!(["-", self.id(a)]),
            Node::Sum(a, b) => json!(["+", self.id(a), self.id(b)]),
            Node::Product(a, b) => json!(["*", self.id(a), self.id(b)]),
            Node::Inverse(a) => json!(["inverse", self.id(a)]),
            Node::RowsPower(a) => json!(["power", self.id(a)]),
            leaf_node => leaf(leaf_node),
        }
    }
}

/// A node without operands.
fn leaf(node: Node) -> Value {
    match node {
        Node::Calldata(at) => json!(["word", at]),
        Node::Challenge(number) => json!(["challenge", number]),
        Node::Constant(value) => json!(["constant", field(&value)]),
        _ => Value::Null,
    }
}

/// A point of a sum: an offset, or both coordinates.
fn base(point: Base) -> Value {
    match point {
        Base::Calldata(at) => json!(at),
        Base::Constant(G1Affine { x, y }) => json!([field(&x), field(&y)]),
    }
}

/// What is hashed: `[from, to]` of the calldata, `to` null for its end, or a word.
fn segment(pieces: &[Piece]) -> Vec<Value> {
    let pieces = pieces.iter().map(|piece| match piece {
        Piece::Calldata(range) => json!([range.start, range.end]),
        Piece::Constant(value) => json!(field(value)),
        Piece::Rest(from) => json!([from, null]),
    });
    pieces.collect()
}

fn field<F: PrimeField<Repr = [u8; 32]>>(value: &F) -> String {
    let word: Word = word(value);
    hex(&word)
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
