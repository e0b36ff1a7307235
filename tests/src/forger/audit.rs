//! Which statements about a forger's columns are false: every identity of every relation, every value that
//! is looked up, every count and both ends of a program over rows, each on its own.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::claim::View;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Block;
use laminate_engine::joint::Joint;
use laminate_engine::lookup::Kind;
use laminate_engine::relations::{Context, Elementwise, Relation};
use laminate_engine::transcript::Transcript;
use laminate_model::lower;
use laminate_model::program::padded_index;
use laminate_prover::joint;

use super::Forger;
use super::elements::multiplicity;

impl Forger {
    /// The false statements, by name: `node 3: leaky relu: quadratic 0`, `range: node 3: Remainder limb 1`.
    pub fn broken(&self) -> Vec<String> {
        let mut out = self.broken_relations();
        out.extend(self.broken_lookups());
        out.extend(self.broken_ends());
        out
    }

    fn broken_relations(&self) -> Vec<String> {
        let verifier = &self.verifier;
        let (program, layout) = (&verifier.program, &verifier.layout);
        let columns = self.columns();
        let known = self.known_bits();
        let context = Context { known: &known };
        let inputs = self.inputs(&columns);
        let mut out = vec![];
        for index in 0..program.nodes.len() {
            let relations = lower::relations(program, layout, index);
            for (name, relation) in relations.iter().flat_map(parts) {
                let joint = Joint::new(vec![(index, relation)]).expect("a relation");
                let transcript = || Transcript::fork(&mut Native, &Fr::from(41), index);
                let (proof, _) = joint::prove(&mut transcript(), &inputs, &joint);
                let found = joint.verify(&mut Native, &mut transcript(), &context, &proof);
                let holds = found.is_ok_and(|claims| {
                    claims
                        .iter()
                        .all(|c| columns.evaluate(&c.view, &c.point) == c.value)
                });
                if !holds {
                    out.push(format!("node {index}: {name}"));
                }
            }
        }
        out
    }

    fn broken_lookups(&self) -> Vec<String> {
        let columns = self.columns();
        let mut out = vec![];
        for tree in &self.verifier.trees {
            let held = self.looked_up(&columns, tree, false);
            let (counts, missing) = self.count(tree, &held);
            for (segment, index) in &missing {
                let name = match &tree.segments[*segment].kind {
                    Kind::Use { table, .. } => format!("table {table}"),
                    kind => match kind.columns()[0].as_block() {
                        Some(block) => {
                            let first = index << tree.segments[*segment].kind.pack();
                            format!("range: {}", self.owner(block, first))
                        }
                        None => "range: a view".to_owned(),
                    },
                };
                if !out.contains(&name) {
                    out.push(name);
                }
            }
            let tables = tree.segments.iter().filter_map(|s| multiplicity(&s.kind));
            for (number, (block, counts)) in tables.zip(counts).enumerate() {
                let stated = columns.values(&View::block(block));
                let same = |(a, b): (&Fr, &u32)| *a == Fr::from(u64::from(*b));
                if missing.is_empty() && !stated.iter().zip(&counts).all(same) {
                    out.push(format!("multiplicities {number}"));
                }
            }
        }
        out
    }

    /// Whose limb an entry of a region is.
    fn owner(&self, region: Block, index: usize) -> String {
        let entry = Block {
            offset: region.offset + index,
            log: 0,
            ..region
        };
        let layout = &self.verifier.layout;
        let nodes = &self.verifier.program.nodes;
        let limb = |blocks: &[Block]| blocks.iter().position(|b| b.contains(&entry));
        for (node, aux) in layout.aux.iter().enumerate() {
            for (role, blocks) in aux {
                if let Some(i) = limb(blocks) {
                    return format!("node {node}: {role:?} limb {i}");
                }
            }
        }
        for (id, blocks) in layout.tensors.iter().enumerate() {
            if let Some(i) = limb(blocks) {
                return match nodes.iter().position(|n| n.output == id) {
                    Some(node) => format!("node {node}: Output limb {i}"),
                    None => format!("tensor {id} limb {i}"),
                };
            }
        }
        format!("{:?} entry {}", entry.poly, entry.offset)
    }

    /// What is claimed at both ends of a program over rows is what the columns hold.
    fn broken_ends(&self) -> Vec<String> {
        let verifier = &self.verifier;
        let program = &verifier.program;
        if program.sequence.is_some() || program.is_weights_only() {
            return vec![];
        }
        let columns = self.columns();
        let ends = [
            ("input", program.input, &self.input),
            ("output", program.output, &self.output),
        ];
        let differs = |id: usize, claimed: &[Fr]| {
            let tensor = &program.tensors[id];
            let held = columns.values(&verifier.boundary_view(id));
            let padding = fr_from_i64(verifier.padding[id].unwrap_or(0));
            let rows = held.chunks(1 << verifier.layout.width_logs[id]);
            let mut rows = rows.zip(claimed.chunks(tensor.width()));
            rows.any(|(row, claimed)| {
                let mut expected = vec![padding; row.len()];
                for (flat, value) in claimed.iter().enumerate() {
                    expected[padded_index(&tensor.axes, flat)] = *value;
                }
                expected != row
            })
        };
        let wrong = ends
            .into_iter()
            .filter(|(_, id, claimed)| differs(*id, claimed));
        wrong.map(|(name, ..)| name.to_owned()).collect()
    }
}

/// Every identity of a relation on its own.
fn parts(relation: &Relation) -> Vec<(String, Relation)> {
    let Relation::Elementwise(all) = relation else {
        let name = match relation {
            Relation::Product(product) => product.name.to_owned(),
            Relation::RowSum(_) => "row sum".to_owned(),
            Relation::Gap(_) => "gap".to_owned(),
            Relation::Zeros(_) => "zeros".to_owned(),
            Relation::Elementwise(_) => unreachable!("matched above"),
        };
        return vec![(name, relation.clone())];
    };
    let part = |kind: &str, i: usize, quadratic: Vec<_>, linear: Vec<_>| {
        let relation = Elementwise {
            quadratic,
            linear,
            ..all.clone()
        };
        (
            format!("{}: {kind} {i}", all.name),
            Relation::Elementwise(relation),
        )
    };
    let quadratic = all.quadratic.iter().enumerate();
    let quadratic = quadratic.map(|(i, q)| part("quadratic", i, vec![q.clone()], vec![]));
    let linear = all.linear.iter().enumerate();
    let linear = linear.map(|(i, l)| part("linear", i, vec![], vec![l.clone()]));
    quadratic.chain(linear).collect()
}
