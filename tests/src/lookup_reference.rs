//! A second prover of the lookup tree, written from the protocol alone, over arbitrary field columns: it
//! can look up values that are no bytes and lie at any layer.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::field::fr_from_i64;
use laminate_engine::lookup::segments::table_tag;
use laminate_engine::lookup::{Kind, LookupLayer, LookupProof, Range, Segments, TableColumn};
use laminate_engine::poly::{self, eq};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;
use laminate_model::program::Program;

/// Where the prover lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nowhere.
    None,
    /// A numerator at this layer is shifted so that the layer's claim holds.
    At(usize),
    /// Every half of the first so many layers is zero: `0/0`.
    ZeroDenominators(usize),
}

/// Numerators and denominators.
type Level = (Vec<Fr>, Vec<Fr>);

/// Proves `columns` (in the order of the segments) on `transcript`.
pub fn prove(
    transcript: &mut Transcript<Native>,
    program: &Program,
    segments: &Segments,
    columns: &[Vec<Fr>],
    lie: Lie,
) -> LookupProof<Fr> {
    prove_told(transcript, program, segments, [columns; 2], lie).0
}

/// The same for leaves that tell of other columns than the committed ones; also the point of the leaves, and where among
/// the entries of a leaf columns are claimed.
pub fn prove_told(
    transcript: &mut Transcript<Native>,
    program: &Program,
    segments: &Segments,
    [columns, told]: [&[Vec<Fr>]; 2],
    lie: Lie,
) -> (LookupProof<Fr>, [Vec<Fr>; 2]) {
    let drawn = transcript.challenges(&mut Native, "alpha beta", 2);
    let mut levels = vec![leaves(program, segments, told, drawn[0], drawn[1])];
    while let Some(level) = levels.last().filter(|(p, _)| p.len() > 2) {
        levels.push(above(level));
    }
    let (mut point, mut claim): (Vec<Fr>, (Fr, Fr)) = (vec![], (Fr::ZERO, Fr::ZERO));
    let mut layers = vec![];
    for (index, (p, q)) in levels.into_iter().rev().enumerate() {
        let half = p.len() / 2;
        let tables: Vec<Vec<Fr>> = [&p[..half], &p[half..], &q[..half], &q[half..]]
            .map(<[Fr]>::to_vec)
            .into();
        let lambda = if index == 0 {
            Fr::ZERO
        } else {
            transcript.challenge(&mut Native, "lambda")
        };
        let sum = claim.0 + lambda * claim.1;
        let (rounds, lower, last, mut halves) = sumcheck(transcript, tables, &point, lambda, sum);
        match lie {
            Lie::At(layer) if layer == index => {
                // Shift p(0, r) until weight·(p0·q1 + p1·q0 + λ·q0·q1) is the claim.
                let weight = eq::evaluate(&mut Native, &point, &lower);
                let [p0, p1, q0, q1] = halves;
                let found = weight * (p0 * q1 + p1 * q0 + lambda * q0 * q1);
                halves[0] += (last - found) * (weight * q1).invert().expect("not zero");
            }
            Lie::ZeroDenominators(layers) if index < layers => halves = [Fr::ZERO; 4],
            _ => {}
        }
        transcript.absorb("halves", &halves);
        let c = transcript.challenge(&mut Native, "half");
        let [p0, p1, q0, q1] = halves;
        claim = (p0 + c * (p1 - p0), q0 + c * (q1 - q0));
        point = [&[c], lower.as_slice()].concat();
        layers.push(LookupLayer {
            sumcheck: SumcheckProof { rounds },
            halves,
        });
    }
    let columns = evaluations(segments, columns, &point);
    transcript.absorb("columns", &columns);
    let pack = segments.segments.iter().map(|s| s.kind.pack()).max();
    let neighbour = transcript.challenges(&mut Native, "neighbour", pack.unwrap_or(0));
    (LookupProof { layers, columns }, [point, neighbour])
}

/// The columns at the leaves' point: of a segment whose leaves are of several neighbours, every one of those.
pub fn evaluations(segments: &Segments, columns: &[Vec<Fr>], point: &[Fr]) -> Vec<Fr> {
    let mut rest = columns;
    let mut out = vec![];
    for segment in &segments.segments {
        let (own, others) = rest.split_at(segment.kind.columns().len());
        rest = others;
        let low = &point[point.len() - segment.log..];
        let size = 1 << segment.kind.pack();
        for column in own {
            out.extend((0..size).map(|k| {
                let every: Vec<Fr> = column.iter().skip(k).step_by(size).copied().collect();
                poly::evaluate(&every, low)
            }));
        }
    }
    out
}

/// The halves of the root for these columns.
pub fn root(
    transcript: &mut Transcript<Native>,
    program: &Program,
    segments: &Segments,
    columns: &[Vec<Fr>],
) -> [Fr; 4] {
    let drawn = transcript.challenges(&mut Native, "alpha beta", 2);
    let mut level = leaves(program, segments, columns, drawn[0], drawn[1]);
    while level.0.len() > 2 {
        level = above(&level);
    }
    let (p, q) = level;
    [p[0], p[1], q[0], q[1]]
}

/// The level above: the two halves' fractions added.
fn above((p, q): &Level) -> Level {
    let half = p.len() / 2;
    let sums = (0..half).map(|i| (p[i] * q[half + i] + p[half + i] * q[i], q[i] * q[half + i]));
    sums.unzip()
}

type Run = (Vec<Vec<Fr>>, Vec<Fr>, Fr, [Fr; 4]);

/// `Σ_x eq(point, x)·(p0·q1 + p1·q0 + λ·q0·q1)(x)`, claimed to be `claim`, true or not: the messages,
/// the point, the last claim and the tables' values.
fn sumcheck(
    transcript: &mut Transcript<Native>,
    tables: Vec<Vec<Fr>>,
    point: &[Fr],
    lambda: Fr,
    mut claim: Fr,
) -> Run {
    let mut tables = tables;
    tables.push(eq::table(point));
    let (mut rounds, mut at) = (vec![], vec![]);
    while tables[0].len() > 1 {
        let half = tables[0].len() / 2;
        let line =
            |t: usize, i: usize, x: Fr| tables[t][i] + x * (tables[t][half + i] - tables[t][i]);
        let value = |x: Fr| -> Fr {
            let at = |i: usize| {
                let [p0, p1, q0, q1, e] = std::array::from_fn(|t| line(t, i, x));
                e * (p0 * q1 + p1 * q0 + lambda * q0 * q1)
            };
            (0..half).map(at).sum()
        };
        let [g0, g2, g3] = [0u64, 2, 3].map(|x| value(Fr::from(x)));
        let message = coefficients([g0, claim - g0, g2, g3]);
        transcript.absorb("round", &[message[0], message[2], message[3]]);
        let r = transcript.challenge(&mut Native, "round");
        claim = message.iter().rev().fold(Fr::ZERO, |acc, c| acc * r + c);
        for table in &mut tables {
            *table = (0..half)
                .map(|i| table[i] + r * (table[half + i] - table[i]))
                .collect();
        }
        rounds.push(vec![message[0], message[2], message[3]]);
        at.push(r);
    }
    (rounds, at, claim, std::array::from_fn(|t| tables[t][0]))
}

/// Coefficients of the cubic with the given values at 0, 1, 2, 3 (Newton's forward differences).
fn coefficients([g0, g1, g2, g3]: [Fr; 4]) -> [Fr; 4] {
    let half = Fr::from(2).invert().expect("odd characteristic");
    let sixth = Fr::from(6).invert().expect("large characteristic");
    let d1 = g1 - g0;
    let d2 = (g2 - g1.double() + g0) * half;
    let d3 = (g3 - g2 * Fr::from(3) + g1 * Fr::from(3) - g0) * sixth;
    // g0 + d1·x + d2·x(x-1) + d3·x(x-1)(x-2)
    [g0, d1 - d2 + d3.double(), d2 - d3 * Fr::from(3), d3]
}

/// Row `i` of a table; `committed` are its committed columns.
pub fn table_row(
    program: &Program,
    table: usize,
    columns: &[TableColumn],
    committed: &[Vec<Fr>],
    i: usize,
) -> Vec<Fr> {
    let mut committed = committed.iter();
    let value = |column: &TableColumn| match column {
        TableColumn::Index { lowest } => fr_from_i64(lowest + i as i64),
        TableColumn::Part { from, log } => Fr::from((i >> from) as u64 % (1 << log)),
        // From the program, as the protocol says.
        TableColumn::Constants(_) => fr_from_i64(program.tables[table].values[i].into()),
        TableColumn::Committed(_) => committed.next().expect("a column")[i],
    };
    columns.iter().map(value).collect()
}

/// Row `i` of the table of tuples of a range.
pub fn range_row(range: Range, pack: usize, i: usize) -> Vec<Fr> {
    let entry =
        |k: usize| Fr::from(range.value((i >> (k * range.log())) as u64 % (1 << range.log())));
    (0..1 << pack).map(entry).collect()
}

fn leaves(
    program: &Program,
    segments: &Segments,
    columns: &[Vec<Fr>],
    alpha: Fr,
    beta: Fr,
) -> Level {
    let size = 1 << segments.log;
    let (mut p, mut q) = (vec![Fr::ZERO; size], vec![Fr::ONE; size]);
    let mut rest = columns;
    let compressed = |tag: Fr, tuple: &[Fr]| {
        let sum = tuple.iter().rev().fold(Fr::ZERO, |sum, x| (sum + x) * beta);
        tag + sum
    };
    let tagged = |table: usize, tuple: &[Fr]| compressed(table_tag(table), tuple);
    for segment in &segments.segments {
        let (own, others) = rest.split_at(segment.kind.columns().len());
        rest = others;
        for i in 0..1usize << segment.log {
            let (numerator, value) = match &segment.kind {
                Kind::Range { range, pack, .. } => {
                    let tuple = &own[0][i << pack..(i + 1) << pack];
                    (Fr::ONE, compressed(Fr::from(range.tag(*pack)), tuple))
                }
                Kind::RangeTable { range, pack, .. } => {
                    let row = range_row(*range, *pack, i);
                    (-own[0][i], compressed(Fr::from(range.tag(*pack)), &row))
                }
                Kind::Use { table, .. } => {
                    let tuple: Vec<Fr> = own.iter().map(|column| column[i]).collect();
                    (Fr::ONE, tagged(*table, &tuple))
                }
                Kind::Table { table, columns, .. } => {
                    let row = table_row(program, *table, columns, &own[1..], i);
                    (-own[0][i], tagged(*table, &row))
                }
            };
            (p[segment.offset + i], q[segment.offset + i]) = (numerator, alpha - value);
        }
    }
    (p, q)
}
