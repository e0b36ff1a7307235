//! Row sums: `Σ_u column(x, u) = total(x)` for every row `x`, or one.
//!
//! A sum over an axis is a view of the column, so this is a claim of zero ([`crate::joint`]) without a message.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::claim::View;

/// Sums over the last `sum_log` variables of a column.
#[derive(Clone, Debug)]
pub struct RowSum {
    /// The column.
    pub column: View,
    /// log2 of the summed axis.
    pub sum_log: usize,
    /// The sums; one if absent.
    pub total: Option<View>,
}

impl RowSum {
    /// log2 of the number of rows.
    pub fn row_log(&self) -> usize {
        self.column.log().saturating_sub(self.sum_log)
    }

    /// The rows' sums less their totals, which is zero; none of a column that is no plain sum of blocks.
    pub fn view(&self) -> Option<View> {
        let sums = self.column.summed(self.sum_log)?;
        let Some(total) = &self.total else {
            let constant = sums.constant - Fr::ONE;
            return Some(View { constant, ..sums });
        };
        Some(total.scale_add(-Fr::ONE, &sums))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Native;
    use crate::geometry::{Block, Poly};
    use crate::poly;
    use rand::SeedableRng;

    /// A column of two blocks of which the second is scaled, with a constant: the view's value at a random row is that of
    /// the sums that are added up.
    #[test]
    fn the_view_is_the_sum_of_each_row() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut random = |n: usize| -> Vec<Fr> { (0..n).map(|_| Fr::random(&mut rng)).collect() };
        for (rows, sum_log) in [(0, 3), (2, 3), (3, 0), (0, 0)] {
            let log = rows + sum_log;
            let trace = random(4 << log);
            let block = |i: usize, log: usize| Block {
                poly: Poly::Trace,
                offset: i << (rows + sum_log),
                log,
            };
            let column = View::limbs(Fr::from(7), &[block(0, log), block(1, log)], 8);
            let total = View::block(block(2, rows));
            let relation = RowSum {
                column,
                sum_log,
                total: Some(total),
            };
            let view = relation.view().expect("plain blocks");
            assert_eq!((view.log(), relation.row_log()), (rows, rows));
            let at = random(rows);
            let value = |view: &View| -> Fr {
                let terms = view.terms.iter().map(|term| {
                    let block = &trace[term.block.offset..][..1 << term.block.log];
                    let kernel = match &term.wiring {
                        None => poly::eq::table(&at),
                        Some(wiring) => {
                            let (mask, vectors) = wiring.vectors(&at);
                            vectors.iter().fold(vec![mask], |kernel, vector| {
                                let pairs = kernel
                                    .iter()
                                    .flat_map(|k| vector.iter().map(move |v| k * v));
                                pairs.collect()
                            })
                        }
                    };
                    let products = kernel.iter().zip(block).map(|(k, v)| k * v);
                    term.coefficient * products.sum::<Fr>()
                });
                view.constant_at(&mut Native, &at) + terms.sum::<Fr>()
            };
            let size = 1 << log;
            let entry = |i: usize| Fr::from(7) + trace[i] + Fr::from(256) * trace[size + i];
            let sums: Vec<Fr> = (0..1 << rows)
                .map(|row| (0..1 << sum_log).map(|u| entry((row << sum_log) + u)).sum())
                .collect();
            let expected =
                poly::evaluate(&sums, &at) - poly::evaluate(&trace[2 * size..][..1 << rows], &at);
            assert_eq!(value(&view), expected);
            let one = RowSum {
                total: None,
                ..relation
            };
            let view = one.view().expect("plain blocks");
            assert_eq!(value(&view), poly::evaluate(&sums, &at) - Fr::ONE);
        }
    }
}
