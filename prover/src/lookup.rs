//! Prover of the lookup tree; the protocol is in `laminate_engine::lookup`.

mod leaves;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::lookup::{self, LookupLayer, LookupProof, Segment, Segments};
use laminate_engine::poly::eq;
use laminate_engine::transcript::Transcript;

use crate::columns::Columns;
use crate::kernels::logup;
use leaves::Leaves;

/// Proves all lookups; returns the proof and the claims on the segments' columns.
pub fn prove(
    transcript: &mut Transcript<Native>,
    segments: &Segments,
    columns: &Columns<'_>,
) -> (LookupProof<Fr>, Vec<EvalClaim<Fr>>) {
    let drawn = transcript.challenges(&mut Native, "lookup alpha and beta", 2);
    let leaves = Leaves::new(segments, columns, drawn[0], drawn[1]);
    // The two lowest levels are three quarters of the tree: they are made again when it is their turn.
    let lowest = (segments.log - 1).min(2);
    let mut levels = vec![leaves.level(lowest)];
    while levels.last().is_some_and(|l| l.log() > 1) {
        levels.extend(levels.last().map(logup::Level::above));
    }
    let levels = levels.into_iter().rev();
    let levels = levels.chain((0..lowest).rev().map(|up| leaves.level(up)));
    let mut layers = vec![];
    let mut point: Vec<Fr> = vec![];
    let mut claim = (Fr::ZERO, Fr::ONE);
    for level in levels {
        let (layer, lower) = prove_layer(transcript, level, &point, claim);
        transcript.absorb("lookup halves", &layer.halves);
        let c = transcript.challenge(&mut Native, "lookup half");
        let [p0, p1, q0, q1] = layer.halves;
        claim = (p0 + c * (p1 - p0), q0 + c * (q1 - q0));
        point = [&[c], lower.as_slice()].concat();
        layers.push(layer);
    }
    let (columns, claims) = claim_columns(transcript, segments, columns, &point);
    (LookupProof { layers, columns }, claims)
}

/// The evaluations of all segments' columns at the leaves' point, and the claims that they leave.
fn claim_columns(
    transcript: &mut Transcript<Native>,
    segments: &Segments,
    columns: &Columns<'_>,
    point: &[Fr],
) -> (Vec<Fr>, Vec<EvalClaim<Fr>>) {
    let low = |segment: &Segment| &point[point.len() - segment.log..];
    let of = |segment: &Segment| {
        let views = segment.kind.columns().into_iter();
        let each = views.map(|view| columns.evaluate_each(view, low(segment), segment.kind.pack()));
        each.collect::<Vec<Vec<Fr>>>()
    };
    let values: Vec<Vec<Vec<Fr>>> = segments.segments.iter().map(of).collect();
    let sent: Vec<Fr> = values.iter().flatten().flatten().copied().collect();
    transcript.absorb("lookup columns", &sent);
    let neighbour = lookup::neighbours(&mut Native, transcript, segments);
    let mut claims = vec![];
    for (segment, values) in segments.segments.iter().zip(&values) {
        let among = &neighbour[..segment.kind.pack()];
        for (view, values) in segment.kind.columns().into_iter().zip(values) {
            claims.push(EvalClaim {
                view: view.clone(),
                point: [low(segment), among].concat(),
                value: eq::fold_values(&mut Native, values, among),
            });
        }
    }
    (sent, claims)
}

/// One layer's sumcheck over the halves of `level`; the root has no variables.
fn prove_layer(
    transcript: &mut Transcript<Native>,
    level: logup::Level,
    point: &[Fr],
    (p, q): (Fr, Fr),
) -> (LookupLayer<Fr>, Vec<Fr>) {
    let mut lambda = Fr::ZERO;
    if level.log() > 1 {
        lambda = transcript.challenge(&mut Native, "lookup layer lambda");
    }
    let (sumcheck, lower, halves) = logup::prove(transcript, level, point, lambda, p + lambda * q);
    (LookupLayer { sumcheck, halves }, lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{TraceColumns, WeightColumns};
    use laminate_engine::claim::View;
    use laminate_engine::geometry::{Block, Poly};
    use laminate_engine::lookup::{Kind, Range, TableColumn};
    use laminate_engine::transcript::Domain;

    const ROWS_LOG: usize = 3;

    fn block(number: usize, log: usize) -> Block {
        Block {
            poly: Poly::Trace,
            offset: number << ROWS_LOG,
            log,
        }
    }

    /// Whether tuples of a key and two values are accepted as rows of a table of a committed column and constants.
    fn accepted(committed: &[u16], constants: &[i16], tuples: &[[u16; 3]]) -> bool {
        let size = 1usize << ROWS_LOG;
        let mut values = vec![0u16; 6 * size];
        values[..size].copy_from_slice(committed);
        for (i, tuple) in tuples.iter().enumerate() {
            for (k, value) in tuple.iter().enumerate() {
                values[(k + 1) * size + i] = *value;
            }
        }
        let view = |number| View::block(block(number, ROWS_LOG));
        let table = Kind::Table {
            table: 40,
            columns: vec![
                TableColumn::Index { lowest: 0 },
                TableColumn::Committed(view(0)),
                TableColumn::Constants(constants.into()),
            ],
            multiplicity: view(4),
        };
        let used = Kind::Use {
            table: 40,
            columns: vec![view(1), view(2), view(3)],
        };
        let tree = Segments::place(vec![(ROWS_LOG, used), (ROWS_LOG, table)]);
        let blinds = (block(5, 2), vec![Fr::ONE; 4]);
        let mut trace = TraceColumns::of_limbs(values, blinds);
        let weights = WeightColumns::none();
        trace.recount(std::slice::from_ref(&tree), &weights);
        let columns = Columns::new(&weights, &trace, vec![]);
        let transcript = || Transcript::new(&mut Native, Domain::Main);
        let (proof, _) = prove(&mut transcript(), &tree, &columns);
        let verified = lookup::verify(&mut Native, &mut transcript(), &tree, &proof);
        verified.is_ok_and(|claims| {
            let holds = |c: &EvalClaim<Fr>| columns.evaluate(&c.view, &c.point) == c.value;
            claims.len() == 5 && claims.iter().all(holds)
        })
    }

    /// Levels made of leaves that are not held are those made of the level below, whatever stands at its end.
    #[test]
    fn levels_are_made_without_those_below() {
        let limb = |bits: usize| Range::Limb { bits };
        let block = |offset: usize, log: usize| Block {
            poly: Poly::Trace,
            offset,
            log,
        };
        let blinds = (block(1 << 12, 2), vec![Fr::ONE; 4]);
        let values = (0..(1 << 12) - 77).map(|i| (i * 7 % 256) as u16);
        let trace = TraceColumns::of_limbs(values.collect(), blinds);
        let weights = WeightColumns::none();
        let columns = Columns::new(&weights, &trace, vec![]);
        for sizes in [
            &[0][..],
            &[1, 0],
            &[3, 1, 0],
            &[10, 10, 11, 4],
            &[11, 11],
            &[2, 7, 10, 5, 5, 6],
        ] {
            let mut offset = 0;
            let mut kinds: Vec<(usize, Kind)> = vec![];
            for log in sizes {
                kinds.push(lookup::segments::in_range(block(offset, *log), limb(8), 0));
                offset += 1 << log;
            }
            let difference =
                View::block(block(0, 4)).scale_add(-Fr::ONE, &View::block(block(16, 4)));
            let (view, range, pack) = (difference, limb(8), 0);
            let more = [
                vec![],
                vec![lookup::segments::table_of(block(256, 8), limb(8), 0)],
                vec![
                    (4, Kind::Range { view, range, pack }),
                    lookup::segments::table_of(block(0, 8), limb(8), 0),
                ],
            ];
            for more in more {
                let tree = Segments::place([kinds.clone(), more].concat());
                let leaves = Leaves::new(&tree, &columns, Fr::from(77_777), Fr::from(31));
                let mut below = leaves.level(0);
                for up in 1..tree.log {
                    let level = leaves.level(up);
                    assert_eq!(level, below.above(), "{sizes:?}, level {up}");
                    below = level;
                }
            }
        }
    }

    const BYTE: usize = 8;

    /// Whether differences `b - a` are accepted as bytes, counted and then recounted by `change`.
    fn differences_accepted(a: &[u16], b: &[u16], change: impl FnOnce(&mut [u32])) -> bool {
        let size = 1usize << ROWS_LOG;
        let table = Block {
            poly: Poly::Trace,
            offset: 0,
            log: BYTE,
        };
        let mut values = vec![0u16; (1 << BYTE) + 3 * size];
        values[1 << BYTE..][..size].copy_from_slice(a);
        values[(1 << BYTE) + size..][..size].copy_from_slice(b);
        let [a, b, blinds] = [0, 1, 2].map(|number| Block {
            offset: (1 << BYTE) + number * size,
            log: ROWS_LOG,
            ..table
        });
        let range = Range::Limb { bits: BYTE };
        let view = View::block(a).scale_add(-Fr::ONE, &View::block(b));
        let kinds = vec![
            (
                ROWS_LOG,
                Kind::Range {
                    view,
                    range,
                    pack: 0,
                },
            ),
            lookup::segments::table_of(table, range, 0),
        ];
        let tree = Segments::place(kinds);
        let blinds = Block { log: 2, ..blinds };
        let mut trace = TraceColumns::of_limbs(values, (blinds, vec![Fr::ONE; 4]));
        let weights = WeightColumns::none();
        trace.recount(std::slice::from_ref(&tree), &weights);
        change(&mut trace.multiplicities[0].1);
        let columns = Columns::new(&weights, &trace, vec![]);
        let transcript = || Transcript::new(&mut Native, Domain::Main);
        let (proof, _) = prove(&mut transcript(), &tree, &columns);
        let verified = lookup::verify(&mut Native, &mut transcript(), &tree, &proof);
        verified.is_ok_and(|claims| {
            let holds = |c: &EvalClaim<Fr>| columns.evaluate(&c.view, &c.point) == c.value;
            claims.len() == 2 && claims.iter().all(holds)
        })
    }

    /// A view's values have a range of their own: neither its columns' nor that of what is committed.
    #[test]
    fn views_are_looked_up_in_ranges() {
        let a: [u16; 8] = [0, 65_280, 7, 1, 30_000, 2, 3, 5];
        let honest: [u16; 8] = [255, 65_535, 7, 2, 30_100, 2, 4, 260];
        assert!(differences_accepted(&a, &honest, |_| ()));
        // One below and one above the range, not counted, or as an entry that there is.
        for at in [0, 4, 7] {
            for (beyond, entry) in [(-1i32, 0), (256, 255), (256, 0), (-1, 255)] {
                let mut a = a;
                a[at] = a[at].max(1);
                let mut forged = honest;
                forged[at] = (i32::from(a[at]) + beyond) as u16;
                assert!(!differences_accepted(&a, &forged, |_| ()), "{beyond}");
                let counted = |counts: &mut [u32]| counts[entry] += 1;
                assert!(!differences_accepted(&a, &forged, counted), "{beyond}");
            }
        }
        // A value that is there, counted as another one, not at all, or twice.
        let moved = |counts: &mut [u32]| {
            counts[255] -= 1;
            counts[254] += 1;
        };
        assert!(!differences_accepted(&a, &honest, moved));
        assert!(!differences_accepted(&a, &honest, |counts| counts[255] -= 1));
        assert!(!differences_accepted(&a, &honest, |counts| counts[0] += 1));
    }

    #[test]
    fn tuples_are_rows_of_committed_tables() {
        let committed: [u16; 8] = [9, 4, 4, 65_535, 0, 7, 1, 2];
        let constants: [i16; 8] = [3, 1, 4, 1, 5, 9, 2, 6];
        let row = |key: u16| {
            let at = usize::from(key);
            [key, committed[at], constants[at] as u16]
        };
        let honest = [3, 3, 0, 7, 1, 2, 5, 5].map(row);
        assert!(accepted(&committed, &constants, &honest));
        // A value of another row, in each column, also where it stands in the table twice; a key beyond it.
        let others = [
            [1, 4, 4],
            [2, 4, 1],
            [3, 4, 1],
            [4, 0, 3],
            [0, 3, 9],
            [8, 9, 3],
        ];
        for other in others {
            for at in [0, 7] {
                let mut tuples = honest;
                tuples[at] = other;
                assert!(!accepted(&committed, &constants, &tuples), "{other:?}");
            }
        }
    }
}
