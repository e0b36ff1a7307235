//! The layout of a trace that belongs to no program.

use super::regions::{EMPTY, Packer, Slot, place_in, region_logs};
use super::{BLINDS_LOG, Block, Layout, Poly};
use crate::program::padded_log;

/// Collects columns of 16-bit limbs, which lookups check, and other columns.
pub(crate) struct TracePlan {
    limbs: Packer,
    others: Packer,
}

impl Default for TracePlan {
    fn default() -> Self {
        let [limbs, others] = [(); 2].map(|()| Packer::new(Poly::Trace));
        Self { limbs, others }
    }
}

impl TracePlan {
    /// Requests a column of limbs of `2^log` entries.
    pub(crate) fn limb(&mut self, log: usize) {
        self.limbs.request(log);
    }

    /// Requests a column that is not looked up.
    pub(crate) fn other(&mut self, log: usize) {
        self.others.request(log);
    }

    /// Blocks of limbs and of other columns in the order of their requests, and the layout.
    pub(crate) fn place(mut self) -> (Vec<Block>, Vec<Block>, Layout) {
        let multiplicities = self.others.request(16);
        let blinds = self.others.request(BLINDS_LOG);
        let (slots, used) = self.limbs.place();
        let logs = region_logs(used);
        let mut top = self.others;
        let regions: Vec<usize> = logs.iter().map(|log| top.request(*log)).collect();
        let (placed, used) = top.place();
        let get = |i: usize| placed.get(i).copied().unwrap_or(EMPTY);
        let region: Vec<Block> = regions.iter().map(|i| get(*i)).collect();
        let limbs = slots.iter().map(|slot| {
            let slot = Slot {
                free: false,
                offset: slot.offset,
                log: slot.log,
            };
            place_in(&region, &slot)
        });
        let layout = Layout {
            weight_log: 0,
            weight_used: 0,
            trace_log: padded_log(used),
            trace_used: used,
            limbs: region.clone(),
            free: vec![],
            limb_multiplicities: Some(get(multiplicities)),
            weight_checks: vec![],
            table_multiplicities: vec![],
            blinds: get(blinds),
            boundaries: vec![],
            dense: vec![],
            tensors: vec![],
            views: vec![],
            unsigned: vec![],
            aux: vec![],
            width_logs: vec![],
        };
        let others = placed.iter().take(multiplicities).copied().collect();
        (limbs.collect(), others, layout)
    }
}
