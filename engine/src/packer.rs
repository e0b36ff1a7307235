//! Aligned blocks, and regions cut into few of them.

use crate::geometry::{Block, Poly};
use crate::poly::padded_log;

/// Most blocks that a region is cut into.
pub const REGION_BLOCKS: usize = 4;

/// `used` entries as descending aligned blocks, rounded up so that there are few.
pub fn region_logs(used: usize) -> Vec<usize> {
    if used == 0 {
        return vec![];
    }
    let mut logs = vec![];
    let mut rest = used;
    while rest > 0 {
        let last = logs.len() + 1 == REGION_BLOCKS;
        let log = if last || rest.is_power_of_two() {
            padded_log(rest)
        } else {
            padded_log(rest) - 1
        };
        logs.push(log);
        rest = rest.saturating_sub(1 << log);
    }
    // Rounding the last block up can make it as large as the one before.
    while let [.., a, b] = logs.as_slice()
        && a == b
    {
        let merged = a + 1;
        logs.truncate(logs.len() - 2);
        logs.push(merged);
    }
    logs
}

/// Collects block sizes, then places them by descending size.
pub struct Packer {
    poly: Poly,
    logs: Vec<usize>,
}

impl Packer {
    /// Of a polynomial.
    pub fn new(poly: Poly) -> Self {
        Self { poly, logs: vec![] }
    }

    /// Requests a block of `2^log` entries; its number.
    pub fn request(&mut self, log: usize) -> usize {
        self.logs.push(log);
        self.logs.len() - 1
    }

    /// Blocks by request, and the number of entries they cover.
    pub fn place(self) -> (Vec<Block>, usize) {
        let mut order: Vec<usize> = (0..self.logs.len()).collect();
        let log_of = |i: usize| self.logs.get(i).copied().unwrap_or(0);
        order.sort_by_key(|i| std::cmp::Reverse(log_of(*i)));
        let mut offsets = vec![0; order.len()];
        let mut next = 0;
        for i in order {
            if let Some(slot) = offsets.get_mut(i) {
                *slot = next;
            }
            next += 1 << log_of(i);
        }
        let blocks = offsets
            .into_iter()
            .zip(&self.logs)
            .map(|(offset, log)| Block {
                poly: self.poly,
                offset,
                log: *log,
            })
            .collect();
        (blocks, next)
    }
}

/// A block that nothing refers to.
pub const EMPTY: Block = Block {
    poly: Poly::Trace,
    offset: 0,
    log: 0,
};

/// Where a column lies in its region, before the regions are placed.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Whether that is the free region.
    pub free: bool,
    /// First entry in the region.
    pub offset: usize,
    /// log2 of the size.
    pub log: usize,
}

/// The block of a slot: regions are cut into aligned blocks, and a column never crosses a cut, as
/// both descend in size.
pub fn place_in(region: &[Block], slot: &Slot) -> Block {
    let mut start = 0;
    for block in region {
        if slot.offset < start + (1 << block.log) {
            return Block {
                poly: block.poly,
                offset: block.offset + slot.offset - start,
                log: slot.log,
            };
        }
        start += 1 << block.log;
    }
    EMPTY
}

#[cfg(test)]
mod tests {
    use super::region_logs;

    #[test]
    fn regions_are_few_descending_blocks_that_cover() {
        for used in [
            1usize,
            2,
            3,
            5,
            7,
            8,
            17_000_000,
            (1 << 20) - 1,
            (1 << 20) + 1,
        ] {
            let logs = region_logs(used);
            let total: usize = logs.iter().map(|l| 1usize << l).sum();
            assert!(total >= used && logs.len() <= 4, "{used}: {logs:?}");
            assert!(logs.windows(2).all(|w| w[0] > w[1]), "{used}: {logs:?}");
            assert!(total < used + used / 4 + 2, "{used}: {logs:?}");
        }
    }
}
