//! The partial rounds as a recurrence in the words that pass the S-box.
//!
//! With the state `v_i` of partial round `i` after its constant `γ_i` is added, `u_i` its first word and
//! `b_i = u_i⁵`, the next state is `v_{i+1} = M·(v_i + (b_i - u_i)·e_0) + γ_{i+1}·e_0`. The other words are
//! linear in what came before, so they need no cells:
//!
//! - four rounds show all of `v_i`: the rows `e_0ᵀ·M^k`, `k = 0..4`, are independent, so that
//!   `u_i, …, u_{i+3}` and `b_i, b_{i+1}, b_{i+2}` determine it;
//! - `e_0ᵀ·M⁴` is a combination `Σ a_k·e_0ᵀ·M^k` of those rows, which turns `u_{i+4}` into a combination of
//!   the four words and powers before it.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use laminate_engine::transcript::poseidon::{PARTIAL_ROUNDS, WIDTH};

use super::constants::{Matrix, apply, invert, multiply};

/// Coefficients of the gates of partial rounds; `l` counts words from the earliest one of the gate.
#[derive(Clone, Debug)]
pub struct Recurrence {
    /// Of `u_{i+l}` in `u_{i+4}`.
    pub words: [Fr; WIDTH],
    /// Of `b_{i+l}` in `u_{i+4}`.
    pub powers: [Fr; WIDTH],
    /// `steps[i]` is added in `u_{i+4}`.
    pub steps: Vec<Fr>,
    /// How the first four words follow from the last full round before them.
    pub entry: Entry,
    /// How the state after the last partial round follows from the last four words.
    pub exit: Exit,
}

/// `u_j = Σ before[j][i]·p_i + Σ_{l<j} shares[j-l-1]·(b_l - u_l) + constant[j]` with the S-box outputs
/// `p_i` of the full round before.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `e_0ᵀ·M^(j+1)`.
    pub before: Matrix,
    /// `(M^1)_00, (M^2)_00, (M^3)_00`.
    pub shares: [Fr; WIDTH - 1],
    /// Constants of the first rounds.
    pub constant: [Fr; WIDTH],
}

/// `b_l = Σ after[l][i]·n_i + Σ words[l][j]·u_j` with the last four words `u_j` and the next state
/// `n + constant`. Round by round backwards, `b_3` is the first entry of `M⁻¹·n` and each power before
/// takes one word more: six coefficients of words are not 0.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Of the state.
    pub after: Matrix,
    /// Of the words.
    pub words: Matrix,
    /// Part of the state that goes to the constants of the next round.
    pub constant: [Fr; WIDTH],
}

/// `M^0, …, M^4` and their corners.
struct Powers {
    matrix: [Matrix; WIDTH + 1],
    /// The inverse of the rows `e_0ᵀ·M^k`.
    observe: Matrix,
}

impl Powers {
    fn new(mds: &Matrix) -> Self {
        let mut matrix = [identity(); WIDTH + 1];
        for k in 0..WIDTH {
            matrix[k + 1] = multiply(mds, &matrix[k]);
        }
        let rows = std::array::from_fn(|k| matrix[k][0]);
        Self {
            matrix,
            observe: invert(&rows),
        }
    }

    /// `(M^k)_00`
    fn corner(&self, k: usize) -> Fr {
        self.matrix[k][0][0]
    }

    /// `M^k·e_0`
    fn column(&self, k: usize) -> [Fr; WIDTH] {
        self.matrix[k].map(|row| row[0])
    }

    /// The coefficients `a_k`: `aᵀ·O = e_0ᵀ·M⁴`.
    fn characteristic(&self) -> [Fr; WIDTH] {
        let last = self.matrix[WIDTH][0];
        apply(&transpose(&self.observe), &last)
    }
}

fn identity() -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| Fr::from(u64::from(i == j))))
}

fn transpose(matrix: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| matrix[j][i]))
}

fn subtract(a: &Matrix, b: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] - b[i][j]))
}

/// Derives the coefficients from the linear layer and the constants `γ` of the partial rounds.
pub fn recurrence(mds: &Matrix, gamma: &[Fr; PARTIAL_ROUNDS]) -> Recurrence {
    let powers = Powers::new(mds);
    let a = powers.characteristic();
    // What something added to the first word in front of round i + l adds to u_{i+4}, if `from` is the
    // first of u_i, …, u_{i+3} that it is in already.
    let share = |l: usize, from: usize| {
        let seen: Fr = (from..WIDTH).map(|k| a[k] * powers.corner(k - l)).sum();
        powers.corner(WIDTH - l) - seen
    };
    let weights: [Fr; WIDTH] = std::array::from_fn(|l| share(l, l + 1));
    Recurrence {
        words: std::array::from_fn(|l| a[l] - weights[l]),
        powers: weights,
        steps: (0..PARTIAL_ROUNDS - WIDTH)
            .map(|i| (1..=WIDTH).map(|l| share(l, l) * gamma[i + l]).sum())
            .collect(),
        entry: entry(&powers, gamma),
        exit: exit(&powers, gamma),
    }
}

fn entry(powers: &Powers, gamma: &[Fr; PARTIAL_ROUNDS]) -> Entry {
    Entry {
        before: std::array::from_fn(|j| powers.matrix[j + 1][0]),
        shares: std::array::from_fn(|k| powers.corner(k + 1)),
        constant: std::array::from_fn(|j| (0..=j).map(|l| powers.corner(j - l) * gamma[l]).sum()),
    }
}

/// With `d = b - u` and `O` the rows `e_0ᵀ·M^k`: `u = O·v + L·d + g` and the state after four rounds is
/// `M⁴·v + C·d + h`, so `S·u + D·d + (h - S·g)` with `S = M⁴·O⁻¹` and `D = C - S·L`.
fn exit(powers: &Powers, gamma: &[Fr; PARTIAL_ROUNDS]) -> Exit {
    let first = PARTIAL_ROUNDS - WIDTH;
    let seen: Matrix = std::array::from_fn(|k| {
        std::array::from_fn(|l| match k.checked_sub(l) {
            Some(steps) if steps > 0 => powers.corner(steps),
            _ => Fr::zero(),
        })
    });
    let columns = std::array::from_fn(|l| powers.column(WIDTH - l));
    let spread = multiply(&powers.matrix[WIDTH], &powers.observe);
    let direct = subtract(&transpose(&columns), &multiply(&spread, &seen));
    let g = std::array::from_fn(|k| {
        (1..=k)
            .map(|l| powers.corner(k - l) * gamma[first + l])
            .sum()
    });
    let mut constant = apply(&spread, &g).map(|x| -x);
    for l in 1..WIDTH {
        for (sum, m) in constant.iter_mut().zip(powers.column(WIDTH - l)) {
            *sum += m * gamma[first + l];
        }
    }
    let after = invert(&direct);
    Exit {
        after,
        words: subtract(&identity(), &multiply(&after, &spread)),
        constant,
    }
}

#[cfg(test)]
mod tests {
    use super::super::constants::gate_constants;
    use super::*;
    use laminate_engine::transcript::poseidon::{FULL_ROUNDS, permute};

    fn fifth(x: Fr) -> Fr {
        x.square().square() * x
    }

    fn dot(a: &[Fr], b: &[Fr]) -> Fr {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// The permutation by the gates' equations alone.
    fn by_gates(input: [Fr; WIDTH]) -> [Fr; WIDTH] {
        let c = gate_constants();
        let r = &c.recurrence;
        let sbox = |x: [Fr; WIDTH], k: &[Fr; WIDTH]| -> [Fr; WIDTH] {
            std::array::from_fn(|i| fifth(x[i] + k[i]))
        };
        let mut state = input;
        for round in 0..FULL_ROUNDS / 2 - 1 {
            state = apply(&c.mds, &sbox(state, &c.round[round]));
        }
        let before = sbox(state, &c.round[FULL_ROUNDS / 2 - 1]);
        let mut u: Vec<Fr> = vec![];
        for j in 0..WIDTH {
            let shares = (0..j).map(|l| r.entry.shares[j - l - 1] * (fifth(u[l]) - u[l]));
            let shares: Fr = shares.sum();
            u.push(dot(&r.entry.before[j], &before) + shares + r.entry.constant[j]);
        }
        for i in 0..PARTIAL_ROUNDS - WIDTH {
            let b: Vec<Fr> = u[i..].iter().map(|x| fifth(*x)).collect();
            u.push(dot(&r.words, &u[i..]) + dot(&r.powers, &b) + r.steps[i]);
        }
        // The gate states the powers; here they are given and the state is solved for.
        let last = &u[PARTIAL_ROUNDS - WIDTH..];
        let rest: [Fr; WIDTH] =
            std::array::from_fn(|l| fifth(last[l]) - dot(&r.exit.words[l], last));
        state = apply(&invert(&r.exit.after), &rest);
        for round in FULL_ROUNDS / 2 + PARTIAL_ROUNDS..FULL_ROUNDS + PARTIAL_ROUNDS {
            state = apply(&c.mds, &sbox(state, &c.round[round]));
        }
        state
    }

    #[test]
    fn equations_give_the_native_permutation() {
        for seed in 0..20u64 {
            let input = [seed, seed * seed + 3, 7, u64::MAX - seed].map(|x| Fr::from(x).square());
            let mut native = input;
            permute(&mut native);
            assert_eq!(by_gates(input), native, "input {seed}");
        }
    }

    /// The inverses exist: the words determine the state, and the exit's powers the next state.
    #[test]
    fn matrices_are_invertible() {
        let c = gate_constants();
        let powers = Powers::new(&c.mds);
        let rows: Matrix = std::array::from_fn(|k| powers.matrix[k][0]);
        assert_eq!(multiply(&rows, &powers.observe), identity());
        let after = &c.recurrence.exit.after;
        assert_eq!(multiply(after, &invert(after)), identity());
    }

    #[test]
    fn exit_is_sparse() {
        let c = gate_constants();
        let exit = &c.recurrence.exit;
        assert_eq!(exit.after[WIDTH - 1], c.mds_inverse[0]);
        for l in 0..WIDTH {
            for j in 0..WIDTH {
                assert_eq!(exit.words[l][j] == Fr::zero(), j <= l, "b_{l}, u_{j}");
            }
        }
    }
}
