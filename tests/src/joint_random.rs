//! Random true relations of every kind over columns of their own, with targets by brute force.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::View;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::relations::elementwise::Monomial;
use laminate_engine::relations::zeros::Zeros;
use laminate_engine::relations::{
    Causal, Elementwise, Expression, Factor, Product, Relation, RowSum, Stage,
};
use laminate_model::program::padded_log;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

/// Columns that relations are made over, as blocks behind all that a trace holds.
#[derive(Clone, Debug)]
pub struct Board {
    /// Blocks with their values.
    pub columns: Vec<(Block, Vec<Fr>)>,
    rng: ChaCha20Rng,
}

/// Values over axes, most significant first.
struct Tensor {
    axes: Vec<usize>,
    values: Vec<Fr>,
}

impl Tensor {
    fn at(&self, logs: &[usize], index: &[usize]) -> Fr {
        let place = self.axes.iter();
        self.values[place.fold(0, |at, a| (at << logs[*a]) + index[*a])]
    }
}

impl Board {
    /// No columns.
    pub fn new(rng: ChaCha20Rng) -> Self {
        Self {
            columns: vec![],
            rng,
        }
    }

    fn random(&mut self, count: usize) -> Vec<Fr> {
        (0..count).map(|_| Fr::random(&mut self.rng)).collect()
    }

    fn chance(&mut self, of: usize) -> bool {
        self.rng.gen_range(0..of) == 0
    }

    fn column(&mut self, values: Vec<Fr>) -> View {
        let block = Block {
            poly: Poly::Trace,
            offset: (self.columns.len() + 1) << 30,
            log: values.len().trailing_zeros() as usize,
        };
        self.columns.push((block, values));
        View::block(block)
    }

    fn tensor(&mut self, logs: &[usize], axes: &[usize]) -> Tensor {
        let size: usize = axes.iter().map(|a| logs[*a]).sum();
        let values = self.random(1 << size);
        let mut axes = axes.to_vec();
        axes.shuffle(&mut self.rng);
        Tensor { axes, values }
    }

    fn factor(&mut self, tensor: &Tensor, power: usize) -> Factor {
        Factor {
            view: self.column(tensor.values.clone()),
            axes: tensor.axes.clone(),
            power,
        }
    }

    /// `count` tensors over axes: `free` ones any of them may have, `linear` ones one of them or none. The powers
    /// are two where no linear axis stands and the degree allows it.
    fn factors(
        &mut self,
        logs: &[usize],
        (free, linear): (&[usize], &[usize]),
        mut degree: usize,
    ) -> Vec<(Tensor, usize)> {
        let count = self.rng.gen_range(1..=degree);
        let mut axes = vec![vec![]; count];
        for axis in free {
            axes.iter_mut()
                .for_each(|a| a.extend(Some(*axis).filter(|_| self.rng.gen_bool(0.7))));
        }
        for axis in linear {
            let owner = self.rng.gen_range(0..=count);
            axes.iter_mut()
                .skip(owner)
                .take(1)
                .for_each(|a| a.push(*axis));
        }
        degree -= count;
        let tensors = axes.into_iter().map(|axes| {
            let squared = degree > 0 && axes.iter().all(|a| !linear.contains(a));
            let squared = squared && self.chance(2);
            degree -= usize::from(squared);
            (self.tensor(logs, &axes), 1 + usize::from(squared))
        });
        tensors.collect()
    }

    /// A product of one or two stages of up to three factors.
    pub fn product(&mut self) -> Relation {
        let logs: Vec<usize> = (0..5).map(|_| self.rng.gen_range(0..=1)).collect();
        let mut of: [Vec<usize>; 4] = Default::default();
        // Axes of the target alone, shared ones, contracted ones, those that the second stage contracts.
        for axis in 0..logs.len() {
            of[self.rng.gen_range(0..4)].push(axis);
        }
        let [mut kept, shared, mut contracted, second] = of;
        let two = self.chance(2);
        if !two {
            contracted.extend(&second);
        }
        let some = |axes: &[usize]| usize::from(axes.iter().any(|a| logs[*a] > 0));
        let mut target_axes = [kept.as_slice(), &shared].concat();
        target_axes.shuffle(&mut self.rng);
        let summed = [shared.as_slice(), &contracted].concat();
        let degree = 3 - some(&shared) - usize::from(two);
        // Axes at the target's point are those of the first stage's factors, or of the second's.
        let at = self.rng.gen_range(0..=kept.len());
        let rest = if two { kept.split_off(at) } else { vec![] };
        let first = self.factors(&logs, (&summed, &kept), degree);
        let mut inner = None;
        if two {
            let (mut again, mut linear) = (vec![], vec![]);
            for axis in summed.iter().chain(&rest) {
                let list = if self.chance(2) {
                    &mut again
                } else {
                    &mut linear
                };
                list.push(*axis);
            }
            let free = [again.as_slice(), &second].concat();
            let factors = self.factors(&logs, (&free, &linear), 3 - some(&again));
            let mut offset = [summed.as_slice(), &rest].concat();
            offset.retain(|_| self.rng.gen_bool(0.5));
            let offset = self.chance(2).then(|| self.tensor(&logs, &offset));
            inner = Some((again, factors, offset));
        }
        let constant = Fr::random(&mut self.rng);
        let value = |index: &[usize]| {
            let of = |factors: &[(Tensor, usize)], index: &[usize]| -> Fr {
                let values = factors.iter();
                values
                    .map(|(t, power)| t.at(&logs, index).pow_vartime([*power as u64]))
                    .product()
            };
            let Some((_, factors, offset)) = &inner else {
                return of(&first, index);
            };
            let inside: Fr = indices(&logs, &second, index)
                .map(|index| of(factors, &index))
                .sum();
            let offset = offset.as_ref().map(|t| t.at(&logs, index));
            of(&first, index) * (inside + offset.unwrap_or(Fr::ZERO))
        };
        let target: Vec<Fr> = indices(&logs, &target_axes, &[0; 5])
            .map(|index| {
                let sums = indices(&logs, &contracted, &index);
                constant * sums.map(|index| value(&index)).sum::<Fr>()
            })
            .collect();
        let stage = |shared: Vec<usize>, contracted: Vec<usize>, factors, inner, offset| Stage {
            name: "random",
            shared,
            contracted,
            kernel: None,
            factors,
            inner,
            offset,
        };
        let list = |board: &mut Self, all: &[(Tensor, usize)]| -> Vec<Factor> {
            all.iter()
                .map(|(t, power)| board.factor(t, *power))
                .collect()
        };
        let factors = list(self, &first);
        let offset = inner.as_ref().and_then(|(.., offset)| offset.as_ref());
        let offset = offset.map(|t| self.factor(t, 1));
        let mut stages = vec![stage(shared, contracted, factors, two, offset)];
        if let Some((again, factors, _)) = &inner {
            let factors = list(self, factors);
            stages.push(stage(again.clone(), second, factors, false, None));
        }
        Relation::Product(Product {
            name: "random",
            target: Some(self.column(target)),
            axes: logs,
            target_axes,
            constant,
            stages,
        })
    }

    /// Identities over two to nine columns, of which some lack last axes, with a mask or without.
    pub fn elementwise(&mut self) -> Relation {
        let log = self.rng.gen_range(1..=4);
        let count = self.rng.gen_range(2..=9);
        let mut values: Vec<Vec<Fr>> = vec![];
        let mut columns = vec![];
        for i in 0..count {
            let own = if i == 0 || self.chance(2) {
                log
            } else {
                self.rng.gen_range(0..=log)
            };
            let column = self.random(1 << own);
            columns.push(self.column(column.clone()));
            values.push(
                (0..1usize << log)
                    .map(|x| column[x >> (log - own)])
                    .collect(),
            );
        }
        let causal = (log > 1 && self.chance(2)).then_some(Causal {
            row: 0,
            log: log / 2,
        });
        let identities = self.rng.gen_range(1..=3);
        let mask = count + identities;
        let seen = |x: usize| {
            let half = log / 2;
            Fr::from(u64::from(x & ((1 << half) - 1) <= x >> (log - half)))
        };
        let mut quadratic = vec![];
        for i in 0..identities {
            let pick = |rng: &mut ChaCha20Rng| rng.gen_range(0..count);
            let (a, b, c) = (
                pick(&mut self.rng),
                pick(&mut self.rng),
                pick(&mut self.rng),
            );
            let [k, m] = [0; 2].map(|_| Fr::random(&mut self.rng));
            let masked = causal.is_some() && self.chance(2);
            let second = if masked { mask } else { b };
            let result = (0..1usize << log).map(|x| {
                let other = if masked { seen(x) } else { values[b][x] };
                k * values[a][x] * other + m * values[c][x] + Fr::from(5)
            });
            let result = result.collect();
            columns.push(self.column(result));
            let expression = Expression::default().plus(k, &[a, second]).plus(m, &[c]);
            quadratic.push(
                expression
                    .plus(Fr::from(5), &[])
                    .plus(-Fr::ONE, &[count + i]),
            );
        }
        // A mask stands behind all columns, so the linear identity's result is one of the first.
        let twice = values[0].iter().map(|v| v.double() + Fr::from(3)).collect();
        let linear = Relation::Elementwise(Elementwise {
            columns: vec![columns[0].clone(), self.column(twice)],
            linear: vec![Expression(vec![
                monomial(Fr::from(2), &[0]),
                monomial(Fr::from(3), &[]),
                monomial(-Fr::ONE, &[1]),
            ])],
            ..Elementwise::named("random linear")
        });
        if self.chance(4) {
            return linear;
        }
        Relation::Elementwise(Elementwise {
            columns,
            causal,
            quadratic,
            ..Elementwise::named("random")
        })
    }

    /// A row sum with a column of totals.
    pub fn row_sum(&mut self) -> Relation {
        let (rows, sum_log) = (self.rng.gen_range(0..=2), self.rng.gen_range(0..=2));
        let values = self.random(1 << (rows + sum_log));
        let totals = values.chunks(1 << sum_log).map(|row| row.iter().sum());
        let totals = totals.collect();
        Relation::RowSum(RowSum {
            column: self.column(values),
            sum_log,
            total: Some(self.column(totals)),
        })
    }

    /// A column that is zero on the padding of its axes.
    pub fn zeros(&mut self) -> Relation {
        let axes: Vec<usize> = (0..3).map(|_| self.rng.gen_range(1..=4)).collect();
        let logs: Vec<usize> = axes.iter().map(|a| padded_log(*a)).collect();
        let values = indices(&logs, &[0, 1, 2], &[0; 3]).map(|index| {
            let inside = index.iter().zip(&axes).all(|(i, size)| i < size);
            if inside {
                Fr::random(&mut self.rng)
            } else {
                Fr::ZERO
            }
        });
        let values = values.collect();
        Relation::Zeros(Zeros {
            view: self.column(values),
            axes,
        })
    }
}

fn monomial(coefficient: Fr, columns: &[usize]) -> Monomial {
    Monomial {
        coefficient,
        columns: columns.to_vec(),
    }
}

/// All indices that differ from `base` in `axes`, in row-major order of these.
fn indices(
    logs: &[usize],
    axes: &[usize],
    base: &[usize],
) -> impl Iterator<Item = Vec<usize>> + use<> {
    let (logs, axes, base) = (logs.to_vec(), axes.to_vec(), base.to_vec());
    let total: usize = axes.iter().map(|a| logs[*a]).sum();
    (0..1usize << total).map(move |flat| {
        let mut index = base.clone();
        let mut left = total;
        for axis in &axes {
            left -= logs[*axis];
            index[*axis] = (flat >> left) & ((1 << logs[*axis]) - 1);
        }
        index
    })
}
