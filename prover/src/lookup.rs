//! Prover of the lookup tree; the protocol is in `laminate_engine::lookup`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::field::fr_from_i64;
use laminate_engine::lookup::segments::table_tag;
use laminate_engine::lookup::{Kind, LookupLayer, LookupProof, Segment, Segments, TableColumn};
use laminate_engine::transcript::Transcript;

use rayon::prelude::*;

use crate::columns::{Columns, Small};
use crate::kernels::logup;

/// Numerators and denominators of the leaves; so many first numerators are one and not written.
struct Level {
    ones: usize,
    p: Vec<Fr>,
    q: Vec<Fr>,
}

/// Proves all lookups; returns the proof and the claims on the segments' columns.
pub fn prove(
    transcript: &mut Transcript<Native>,
    segments: &Segments,
    columns: &Columns<'_>,
) -> (LookupProof<Fr>, Vec<EvalClaim<Fr>>) {
    let drawn = transcript.challenges(&mut Native, "lookup alpha and beta", 2);
    let Level { ones, p, q } = leaves(segments, columns, drawn[0], drawn[1]);
    let mut levels = vec![logup::Level::with_ones(segments.log, ones, p, q)];
    while levels.last().is_some_and(|l| l.log() > 1) {
        levels.extend(levels.last().map(logup::Level::above));
    }
    let mut layers = vec![];
    let mut point: Vec<Fr> = vec![];
    let mut claim = (Fr::ZERO, Fr::ONE);
    for level in levels.into_iter().rev() {
        let (layer, lower) = prove_layer(transcript, level, &point, claim);
        transcript.absorb("lookup halves", &layer.halves);
        let c = transcript.challenge(&mut Native, "lookup half");
        let [p0, p1, q0, q1] = layer.halves;
        claim = (p0 + c * (p1 - p0), q0 + c * (q1 - q0));
        point = [&[c], lower.as_slice()].concat();
        layers.push(layer);
    }
    let mut claims = vec![];
    for segment in &segments.segments {
        let low = &point[point.len() - segment.log..];
        for view in segment.kind.columns() {
            let value = columns.evaluate(view, low);
            claims.push(EvalClaim {
                view: view.clone(),
                point: low.to_vec(),
                value,
            });
        }
    }
    let values: Vec<Fr> = claims.iter().map(|c| c.value).collect();
    transcript.absorb("lookup columns", &values);
    (
        LookupProof {
            layers,
            columns: values,
        },
        claims,
    )
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

fn leaves(segments: &Segments, columns: &Columns<'_>, alpha: Fr, beta: Fr) -> Level {
    let ones = leading_ones(segments);
    let mut p = vec![Fr::ZERO; segments.used - ones];
    let mut q = vec![Fr::ONE; segments.used];
    for segment in &segments.segments {
        let range = segment.offset..segment.offset + (1 << segment.log);
        let numerators = match segment.offset.checked_sub(ones) {
            None => &mut [],
            Some(start) => &mut p[start..start + range.len()],
        };
        fill(segment, columns, (alpha, beta), numerators, &mut q[range]);
    }
    Level { ones, p, q }
}

/// Leaves before the first table: lookups, whose numerators are one.
fn leading_ones(segments: &Segments) -> usize {
    let lookup = |s: &&Segment| matches!(s.kind, Kind::Range { .. } | Kind::Use { .. });
    let leading = segments.segments.iter().take_while(lookup);
    leading.map(|s| 1usize << s.log).sum()
}

/// Writes a segment's leaves; `p` is empty where the numerators are ones that are not written.
fn fill(
    segment: &Segment,
    columns: &Columns<'_>,
    (alpha, beta): (Fr, Fr),
    p: &mut [Fr],
    q: &mut [Fr],
) {
    match &segment.kind {
        Kind::Range { view, range } => {
            p.fill(Fr::ONE);
            // A limb has few values: one table of denominators serves them all.
            let start = alpha - Fr::from(range.tag());
            let block = view.as_block();
            let held = block.map(|block| columns.small(&block));
            let limbs = match held {
                Some(Small::Bytes(_)) => 1 << 8,
                Some(Small::Limbs(_)) | None => columns.limb_count(),
            };
            let table: Vec<Fr> = (0..limbs)
                .map(|v| start - beta * Fr::from(v as u64))
                .collect();
            let Some(held) = held else {
                let leaf = |v: &i64| match usize::try_from(*v).ok().and_then(|v| table.get(v)) {
                    Some(leaf) => *leaf,
                    None => start - beta * fr_from_i64(*v),
                };
                q.par_iter_mut()
                    .zip(&columns.integers(view))
                    .with_min_len(1 << 12)
                    .for_each(|(q, v)| *q = leaf(v));
                return;
            };
            q.fill(start);
            match held {
                Small::Bytes(values) => q
                    .par_iter_mut()
                    .zip(values)
                    .with_min_len(1 << 12)
                    .for_each(|(q, v)| *q = table[usize::from(*v)]),
                Small::Limbs(values) => q
                    .par_iter_mut()
                    .zip(values)
                    .with_min_len(1 << 12)
                    .for_each(|(q, v)| *q = table[usize::from(*v)]),
            }
        }
        Kind::RangeTable {
            multiplicity,
            range,
        } => {
            p.iter_mut()
                .zip(columns.values(multiplicity))
                .for_each(|(p, m)| *p = -m);
            let start = alpha - Fr::from(range.tag());
            q.iter_mut()
                .enumerate()
                .for_each(|(i, q)| *q = start - beta * Fr::from(range.value(i as u64)));
        }
        Kind::Use {
            table,
            columns: looked_up,
        } => {
            p.fill(Fr::ONE);
            subtract(
                q,
                alpha - table_tag(*table),
                beta,
                looked_up.iter().map(|v| columns.values(v)),
            );
        }
        Kind::Table {
            table,
            columns: rows,
            multiplicity,
        } => {
            p.iter_mut()
                .zip(columns.values(multiplicity))
                .for_each(|(p, m)| *p = -m);
            let size = q.len();
            let rows = rows.iter().map(|column| match column {
                TableColumn::Index { lowest } => {
                    let indices = (*lowest..).take(size);
                    indices.map(fr_from_i64).collect()
                }
                TableColumn::Part { from, log } => {
                    let rows = 0..size;
                    let mask = (1usize << log) - 1;
                    rows.map(|row| Fr::from((row >> from & mask) as u64))
                        .collect()
                }
                TableColumn::Constants(values) => {
                    values.iter().map(|v| fr_from_i64((*v).into())).collect()
                }
                TableColumn::Committed(view) => columns.values(view),
            });
            subtract(q, alpha - table_tag(*table), beta, rows);
        }
    }
}

/// `q[i] = start - Σ_k β^(k+1)·column_k[i]`
fn subtract(q: &mut [Fr], start: Fr, beta: Fr, columns: impl Iterator<Item = Vec<Fr>>) {
    q.fill(start);
    let mut power = beta;
    for column in columns {
        let pairs = q.par_iter_mut().zip(column).with_min_len(1 << 12);
        pairs.for_each(|(q, v)| *q -= power * v);
        power *= beta;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{TraceColumns, WeightColumns};
    use laminate_engine::claim::View;
    use laminate_engine::geometry::{Block, Poly};
    use laminate_engine::lookup::{self, Range};
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
            (ROWS_LOG, Kind::Range { view, range }),
            laminate_engine::lookup::segments::table_of(table, range),
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
