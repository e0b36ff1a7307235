//! Where the columns of a trace lie: limbs first, in a region that lookups cover, then the others.

use super::chunks::LIMB_BITS;
use crate::geometry::{BLINDS_LOG, Block, Geometry, Poly};
use crate::lookup::segments::{in_range, table_of};
use crate::lookup::{Range, Segments};
use crate::packer::{EMPTY, Packer, Slot, place_in, region_logs};

/// The whole trace.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Sizes; there are no weights.
    pub geometry: Geometry,
    /// The lookups of all limbs.
    pub tree: Segments,
    /// Random entries.
    pub blinds: Block,
}

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

    /// Blocks of limbs and of other columns in the order of their requests, and the rest, in commitment rows of at
    /// most `2^row_log` entries.
    pub(crate) fn place(mut self, row_log: usize) -> (Vec<Block>, Vec<Block>, Placement) {
        let multiplicities = self.others.request(LIMB_BITS);
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
        let range = Range::Limb { bits: LIMB_BITS };
        let looked_up = region.iter().map(|block| in_range(*block, range, 0));
        let table = std::iter::once(table_of(get(multiplicities), range, 0));
        let placement = Placement {
            geometry: Geometry::new(0, used, row_log),
            tree: Segments::place(looked_up.chain(table).collect()),
            blinds: get(blinds),
        };
        let others = placed.iter().take(multiplicities).copied().collect();
        (limbs.collect(), others, placement)
    }
}
