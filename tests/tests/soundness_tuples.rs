//! Lookups of several neighbours in one leaf, against provers whose columns hold any element of the field.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::lookup::segments::{in_range, table_of};
use laminate_engine::lookup::{self, Range, Segments};
use laminate_engine::poly;
use laminate_engine::transcript::Transcript;
use laminate_model::program::Program;
use laminate_tests::lookup_reference::{Lie, prove, prove_told};

/// log2 of the entries of a column.
const LOG: usize = 5;

/// Columns of tuples and their tables, as blocks of one polynomial in this order.
#[derive(Clone)]
struct Lookups {
    tree: Segments,
    blocks: Vec<Block>,
    entries: Vec<Vec<Fr>>,
}

/// A column of tuples in a range, or the table of one.
#[derive(Clone, Copy)]
enum Part {
    Column(Range, usize),
    Table(Range, usize),
}

impl Lookups {
    /// Of these parts, all columns with their first entries in range and in turn, nothing counted.
    fn new(parts: &[Part]) -> Self {
        let mut kinds = vec![];
        let (mut blocks, mut entries) = (vec![], vec![]);
        for (i, part) in parts.iter().enumerate() {
            let block = |log: usize| Block {
                poly: Poly::Trace,
                offset: i << 16,
                log,
            };
            match *part {
                Part::Column(range, pack) => {
                    let values = (0..1 << LOG).map(|i| range.value(i * 7 % (1 << range.log())));
                    entries.push(values.map(Fr::from).collect());
                    blocks.push(block(LOG));
                    kinds.push(in_range(block(LOG), range, pack));
                }
                Part::Table(range, pack) => {
                    let log = range.log() << pack;
                    entries.push(vec![Fr::ZERO; 1 << log]);
                    blocks.push(block(log));
                    kinds.push(table_of(block(log), range, pack));
                }
            }
        }
        Self {
            tree: Segments::place(kinds),
            blocks,
            entries,
        }
    }

    /// One column of tuples of a range with its table, honestly counted.
    fn one(range: Range, pack: usize) -> Self {
        let mut lookups = Self::new(&[Part::Column(range, pack), Part::Table(range, pack)]);
        let tuples: Vec<Vec<Fr>> = lookups.entries[0]
            .chunks(1 << pack)
            .map(<[Fr]>::to_vec)
            .collect();
        for tuple in tuples {
            lookups.entries[1][row(range, &tuple)] += Fr::ONE;
        }
        lookups
    }

    /// The columns in the order of the tree's segments.
    fn columns(&self) -> Vec<Vec<Fr>> {
        let segments = self.tree.segments.iter();
        let views = segments.flat_map(|s| s.kind.columns());
        let number = |block: Block| self.blocks.iter().position(|b| *b == block);
        let numbers = views.map(|view| number(view.terms[0].block).expect("a block"));
        numbers.map(|i| self.entries[i].clone()).collect()
    }

    fn transcript() -> Transcript<Native> {
        Transcript::fork(&mut Native, &Fr::from(8), 0)
    }

    fn claims(&self, lie: Lie) -> Result<Vec<EvalClaim<Fr>>, VerifyError> {
        let program = Program::empty("tuples", 0, 8);
        let proof = prove(
            &mut Self::transcript(),
            &program,
            &self.tree,
            &self.columns(),
            lie,
        );
        lookup::verify(&mut Native, &mut Self::transcript(), &self.tree, &proof)
    }

    /// Whether claims hold of what is committed.
    fn hold(&self, claims: &[EvalClaim<Fr>]) -> bool {
        claims.iter().all(|claim| {
            let block = claim.view.terms[0].block;
            let at = self
                .blocks
                .iter()
                .position(|b| *b == block)
                .expect("a block");
            poly::evaluate(&self.entries[at], &claim.point) == claim.value
        })
    }

    fn accepted(&self, lie: Lie) -> bool {
        self.claims(lie).is_ok_and(|claims| self.hold(&claims))
    }

    /// Told honestly it is refused at the root, and with a lie at any layer where that is found out.
    fn refused(&self, name: &str) -> usize {
        let root = VerifyError::Check {
            check: Check::LookupRoot,
        };
        assert_eq!(self.claims(Lie::None).err(), Some(root), "{name}");
        for layer in 0..self.tree.log {
            assert!(!self.accepted(Lie::At(layer)), "{name}: lie at {layer}");
        }
        1 + self.tree.log
    }
}

/// Row of a table of tuples.
fn row(range: Range, tuple: &[Fr]) -> usize {
    let value = |v: &Fr| (0..256).find(|i| Fr::from(*i) == *v).unwrap_or(256);
    range
        .row(tuple.iter().map(value))
        .expect("a tuple in range")
}

const RANGES: [(Range, usize); 6] = [
    (Range::Limb { bits: 3 }, 0),
    (Range::Limb { bits: 3 }, 1),
    (Range::Limb { bits: 1 }, 3),
    (Range::Ternary, 1),
    (Range::Ternary, 2),
    (Range::Byte, 1),
];

#[test]
fn tuples_in_range_are_accepted() {
    for (range, pack) in RANGES {
        let honest = Lookups::one(range, pack);
        assert!(honest.accepted(Lie::None), "{range:?} {pack}");
        let claims = honest.claims(Lie::None).expect("honest");
        let lengths: Vec<usize> = claims.iter().map(|c| c.point.len()).collect();
        let wanted: Vec<usize> = claims.iter().map(|c| c.view.terms[0].block.log).collect();
        assert_eq!(
            lengths, wanted,
            "one claim a column, over all of its variables"
        );
    }
}

/// A value out of range at every place of a leaf: first half, second half, of every neighbour.
#[test]
fn a_value_out_of_range_is_refused_at_every_place() {
    let mut tried = 0;
    for (range, pack) in RANGES
        .into_iter()
        .filter(|(range, _)| *range != Range::Byte)
    {
        let honest = Lookups::one(range, pack);
        let beyond = match range {
            Range::Ternary => vec![Fr::from(126), Fr::from(130), Fr::ZERO],
            _ => vec![Fr::from(1 << range.log()), -Fr::ONE],
        };
        let last = honest.entries[0].len() - (1 << pack);
        for (first, k) in [0, last]
            .into_iter()
            .flat_map(|f| (0..1 << pack).map(move |k| (f, k)))
        {
            for value in beyond
                .iter()
                .copied()
                .chain([Fr::from(3).invert().expect("not zero")])
            {
                let mut forged = honest.clone();
                let old = row(range, &forged.entries[0][first..first + (1 << pack)]);
                forged.entries[0][first + k] = value;
                tried += forged.refused("counted as before");
                forged.entries[1][old] -= Fr::ONE;
                tried += forged.refused("not counted");
            }
        }
    }
    println!("tuples with a value out of range: {tried} tried, 0 accepted");
}

/// Values out of range whose sum is that of a tuple in range.
#[test]
fn places_of_a_tuple_do_not_make_up_for_each_other() {
    let mut tried = 0;
    for (range, pack) in RANGES.into_iter().filter(|(_, pack)| *pack > 0) {
        let honest = Lookups::one(range, pack);
        for (up, down) in [(0, 1), (1, 0), ((1 << pack) - 1, 0)] {
            let mut forged = honest.clone();
            let by = Fr::from(1 << range.log());
            forged.entries[0][up] += by;
            forged.entries[0][down] -= by;
            tried += forged.refused("one above, one below");
        }
    }
    println!("tuples of the right sum: {tried} tried, 0 accepted");
}

/// A pair and two zeros are no pair.
#[test]
fn a_tuple_is_of_its_own_length() {
    let (short, long) = (1, 2);
    let mut forged = Lookups::new(&[
        Part::Column(Range::Ternary, long),
        Part::Table(Range::Ternary, long),
        Part::Table(Range::Ternary, short),
    ]);
    for tuple in forged.entries[0].clone().chunks(1 << long).skip(1) {
        forged.entries[1][row(Range::Ternary, tuple)] += Fr::ONE;
    }
    let mut honest = forged.clone();
    let first = row(Range::Ternary, &honest.entries[0][..4]);
    honest.entries[1][first] += Fr::ONE;
    assert!(honest.accepted(Lie::None));
    // 0 is no ternary weight as it is committed.
    forged.entries[0][2..4].fill(Fr::ZERO);
    let pair = row(Range::Ternary, &forged.entries[0][..2]);
    forged.entries[2][pair] += Fr::ONE;
    let tried = forged.refused("counted as a pair");
    println!("tuples counted in the table of shorter ones: {tried} tried, 0 accepted");
}

#[test]
fn counts_of_tuples_cannot_be_moved() {
    let mut tried = 0;
    for (range, pack) in RANGES {
        let honest = Lookups::one(range, pack);
        let counted = row(range, &honest.entries[0][..1 << pack]);
        let table = honest.entries[1].len();
        let half = Fr::from(2).invert().expect("odd");
        for (delta, to) in [
            (Fr::ONE, None),
            (-Fr::ONE, None),
            (half, None),
            (-Fr::ONE, Some(1)),
        ] {
            let mut forged = honest.clone();
            forged.entries[1][counted] += delta;
            if let Some(step) = to {
                // The last entry of the ternary table is the one before.
                forged.entries[1][(counted + step) % table] -= delta;
                let same =
                    |k| range.entry(counted as u64, k) == range.entry((counted + step) as u64, k);
                if (0..1 << pack).all(same) {
                    continue;
                }
            }
            tried += forged.refused("counts");
        }
    }
    println!("counts of tuples: {tried} tried, 0 accepted");
}

/// Leaves that tell of neighbours in another order, or of the same one twice, and values claimed for another place.
#[test]
fn places_of_a_leaf_cannot_be_swapped() {
    let program = Program::empty("tuples", 0, 8);
    let (mut tried, mut equal) = (0, 0);
    for (range, pack) in RANGES.into_iter().filter(|(_, pack)| *pack > 0) {
        let honest = Lookups::one(range, pack);
        let committed = honest.columns();
        let size = 1 << pack;
        let swaps: [fn(&mut [Fr]); 3] = [
            |leaf| leaf.reverse(),
            |leaf| leaf.swap(0, 1),
            |leaf| leaf[1] = leaf[0],
        ];
        for swap in swaps {
            let mut told = honest.clone();
            told.entries[0].chunks_mut(size).for_each(swap);
            told.entries[1].fill(Fr::ZERO);
            for tuple in told.entries[0].clone().chunks(size) {
                told.entries[1][row(range, tuple)] += Fr::ONE;
            }
            if told.columns() == committed {
                continue;
            }
            // Evaluations of what is committed do not fit the leaves, those of what is told not the commitment.
            let (proof, _) = prove_told(
                &mut Lookups::transcript(),
                &program,
                &honest.tree,
                [&committed, &told.columns()],
                Lie::None,
            );
            let verdict = lookup::verify(
                &mut Native,
                &mut Lookups::transcript(),
                &honest.tree,
                &proof,
            );
            let leaves = VerifyError::Check {
                check: Check::LookupLeaves,
            };
            assert_eq!(verdict.err(), Some(leaves), "{range:?} {pack}");
            let claims = told.claims(Lie::None).expect("a lookup of other values");
            assert!(
                told.hold(&claims) && !honest.hold(&claims),
                "{range:?} {pack}"
            );
            tried += 2;
        }
        // The values at two places exchanged in the proof.
        let transcript = Lookups::transcript;
        let proof = prove(
            &mut transcript(),
            &program,
            &honest.tree,
            &committed,
            Lie::None,
        );
        for (a, b) in (0..size).flat_map(|b| (0..b).map(move |a| (a, b))) {
            let mut forged = proof.clone();
            let first = honest
                .tree
                .segments
                .iter()
                .take_while(|s| s.kind.pack() == 0);
            let first: usize = first.map(|s| s.kind.value_count()).sum();
            if forged.columns[first + a] == forged.columns[first + b] {
                // The same bits at both places of every leaf: nothing is exchanged.
                equal += 1;
                continue;
            }
            forged.columns.swap(first + a, first + b);
            let verdict = lookup::verify(&mut Native, &mut transcript(), &honest.tree, &forged);
            assert!(verdict.is_err(), "{range:?} {pack}: {a} and {b}");
            tried += 1;
        }
    }
    println!("neighbours exchanged: {tried} tried, 0 accepted");
    assert!(2 * equal < tried, "{equal} pairs of places are alike");
}
