//! What lies on disks: hash trees, partition tables, FAT32.

mod delivered;
mod fat;
mod fat_hostile;
mod fat_lookup;
mod fixture;
mod fsverity;
mod gpt;
mod gpt_hostile;
mod power;
mod release;
mod verity;
