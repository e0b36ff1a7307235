//! Activation tables, computed with `libm` so that every platform gets the same integers.

use laminate_model::program::{
    ACTIVATION_BOUND, OUTPUT_SCALE, TABLE_LOG, Table, TableKind, WIDE_TABLE_LOG,
};

/// The logistic function, with `libm` for equal results on every platform.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The table of `kind` for an index at `input_scale`: the function at `index·2^-input_scale` times 2^14
/// (times `2^input_scale` for SiLU), to the nearest integer, halves away from zero. Sigmoid and tanh have
/// 2^12 entries, SiLU and the exponential one for every int16.
pub fn table(kind: TableKind, input_scale: i8) -> Table {
    let one = f64::from(1 << OUTPUT_SCALE);
    // |y| <= 1 where the output scale is fixed, so the rounded value is at most 2^14 in absolute value.
    match kind {
        TableKind::Sigmoid => tabulate(kind, input_scale, TABLE_LOG, |x| sigmoid(x) * one),
        TableKind::Tanh => tabulate(kind, input_scale, TABLE_LOG, |x| libm::tanh(x) * one),
        TableKind::Silu => silu(input_scale),
        TableKind::Exp => exp(input_scale),
    }
}

/// `x·sigmoid(x)` for every int16 index, at the index's own scale: it never leaves the int16 range.
fn silu(scale: i8) -> Table {
    let one = libm::exp2(f64::from(scale));
    tabulate(TableKind::Silu, scale, WIDE_TABLE_LOG, |x| {
        x * sigmoid(x) * one
    })
}

/// `exp(-z·2^-scale)` for the depths `z = index + 2^15`, zero at the last one.
fn exp(scale: i8) -> Table {
    let one = f64::from(1 << OUTPUT_SCALE);
    let first = ACTIVATION_BOUND as f64 * libm::exp2(-f64::from(scale));
    let mut table = tabulate(TableKind::Exp, scale, WIDE_TABLE_LOG, |x| {
        libm::exp(-(x + first)) * one
    });
    if let Some(last) = table.values.last_mut() {
        *last = 0;
    }
    table
}

/// `f` at `2^log` indices around zero, rounded; `f` must stay within int16.
fn tabulate(kind: TableKind, input_scale: i8, log: usize, f: impl Fn(f64) -> f64) -> Table {
    let unit = libm::exp2(-f64::from(input_scale));
    let half = 1i64 << (log - 1);
    let value = |index: i64| libm::round(f(index as f64 * unit)) as i16;
    Table {
        kind,
        input_scale,
        values: (-half..half).map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let sigmoid = table(TableKind::Sigmoid, 8);
        assert_eq!(sigmoid.get(0), Some(8192));
        assert_eq!(sigmoid.get(256), Some(11_978), "sigmoid(1) = 0.731059");
        assert_eq!(sigmoid.get(-256), Some(4406));
        let tanh = table(TableKind::Tanh, 8);
        assert_eq!((tanh.get(0), tanh.get(-2048)), (Some(0), Some(-16_384)));
        assert!(
            (1..2048).all(|i| tanh.get(i) == tanh.get(-i).map(|v| -v)),
            "odd"
        );
    }

    #[test]
    fn wide_tables() {
        let silu = table(TableKind::Silu, 10);
        assert_eq!((silu.values.len(), silu.lowest()), (1 << 16, -32_768));
        assert_eq!(silu.get(1024), Some(749), "silu(1) = 0.731059");
        assert_eq!(silu.get(-1024), Some(-275));
        assert_eq!((silu.get(0), silu.get(32_767)), (Some(0), Some(32_767)));
        for scale in -8..16 {
            assert_eq!(table(TableKind::Silu, scale).get(0), Some(0));
            let exp = table(TableKind::Exp, scale).values;
            assert!(exp.is_sorted_by(|a, b| a >= b), "{scale}");
            assert_eq!((exp[0], exp[65_535]), (16_384, 0));
            let depth = 1usize << scale.max(0);
            let real = libm::exp(-(depth as f64) * libm::exp2(-f64::from(scale)));
            assert_eq!(exp[depth], libm::round(real * 16_384.0) as i16);
        }
    }

    #[test]
    fn monotone_at_every_scale() {
        for scale in [-8, 0, 4, 12, 30] {
            for kind in [TableKind::Sigmoid, TableKind::Tanh] {
                assert!(table(kind, scale).values.is_sorted(), "{kind:?} {scale}");
            }
        }
    }
}
