//! Activation tables, computed with `libm` so that every platform gets the same integers.

use laminate_protocol::program::{OUTPUT_SCALE, TABLE_LOG, Table, TableKind};

use crate::import::sigmoid;

/// The table of `kind` for an index at `input_scale`: entry `i` is the function at
/// `(i - 2^11)·2^-input_scale`, times 2^14, to the nearest integer, halves away from zero.
pub fn table(kind: TableKind, input_scale: i8) -> Table {
    let unit = libm::exp2(-f64::from(input_scale));
    let values = (Table::LOWEST..Table::LOWEST + (1 << TABLE_LOG)).map(|index| {
        let x = index as f64 * unit;
        let y = match kind {
            TableKind::Sigmoid => sigmoid(x),
            TableKind::Tanh => libm::tanh(x),
        };
        // |y| <= 1, so the rounded value is at most 2^14 in absolute value.
        libm::round(y * f64::from(1 << OUTPUT_SCALE)) as i16
    });
    Table {
        kind,
        input_scale,
        values: values.collect(),
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
    fn monotone_at_every_scale() {
        for scale in [-8, 0, 4, 12, 30] {
            for kind in [TableKind::Sigmoid, TableKind::Tanh] {
                assert!(table(kind, scale).values.is_sorted(), "{kind:?} {scale}");
            }
        }
    }
}
