//! The steps' zero-check on columns that are contracted before it: the identities are those of the
//! protocol, on fewer columns.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::backend::Native;
use laminate_engine::multiexp::chunks::CHUNKS;
use laminate_engine::multiexp::sheet::{Challenge, Row};
use laminate_engine::multiexp::{Multiexp, steps};
use rayon::prelude::*;

/// Contracted columns of `2^n` rows: the sum before, the point and its triple (three columns each), the step's
/// integers and rests, flags, doublings.
pub fn contract(
    multiexp: &Multiexp,
    challenge: &Challenge<Fr>,
    values: &[Vec<Fr>],
    double: Vec<Fr>,
) -> Vec<Vec<Fr>> {
    let sheet = &multiexp.columns.steps;
    let (before, rest) = values.split_at(2 * CHUNKS);
    let (own, rest) = rest.split_at(sheet.view_count());
    let flags = multiexp.columns.flags.len();
    let (flags, points) = rest.split_at(flags);
    let (point, triple) = points.split_at(2 * CHUNKS);
    let size = double.len();
    let mut tables = vec![];
    for columns in [before, point, triple] {
        let length = columns[0].len();
        let rows = (0..length).into_par_iter().map(|i| {
            let row: Vec<Fr> = columns.iter().map(|c| c[i]).collect();
            steps::Contracted::new(&mut Native, challenge, &row)
        });
        let rows: Vec<steps::Contracted<Fr>> = rows.collect();
        // Positions alone are the last variables.
        let repeated = |f: fn(&steps::Contracted<Fr>) -> Fr| -> Vec<Fr> {
            (0..size).map(|i| f(&rows[i % length])).collect()
        };
        tables.extend([
            repeated(|r| r.x),
            repeated(|r| r.y),
            repeated(|r| r.native_x),
        ]);
    }
    let rows = (0..size).into_par_iter().map(|i| {
        let row: Vec<Fr> = own.iter().map(|c| c[i]).collect();
        challenge.row(&mut Native, sheet, &row)
    });
    let rows: Vec<Row<Fr>> = rows.collect();
    let count = (steps::INTEGERS, steps::IDENTITIES);
    tables.extend((0..count.0).map(|k| rows.iter().map(|r| r.integers[k]).collect()));
    tables.extend((0..count.1).map(|k| rows.iter().map(|r| r.rests[k]).collect()));
    tables.extend(flags.iter().cloned());
    tables.push(double);
    tables
}

/// The joined identities on a row of [`contract`].
pub fn identities(challenge: &Challenge<Fr>, row: &[Fr]) -> Option<Fr> {
    let (points, rest) = row.split_at(9);
    let (integers, rest) = rest.split_at(steps::INTEGERS);
    let (rests, rest) = rest.split_at(steps::IDENTITIES);
    let [large, negative, both, chosen, inverse, double] = *rest else {
        return None;
    };
    let point = |at: usize| steps::Contracted {
        x: points[at],
        y: points[at + 1],
        native_x: points[at + 2],
    };
    let row = Row {
        integers: integers.to_vec(),
        rests: rests.to_vec(),
    };
    let flags = steps::Flags {
        large,
        negative,
        both,
        chosen,
        inverse,
    };
    let operands = steps::Operands {
        before: point(0),
        point: point(3),
        triple: point(6),
        double,
    };
    steps::identities(&mut Native, challenge, &row, &flags, &operands)
}
