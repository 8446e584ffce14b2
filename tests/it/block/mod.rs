//! What lies on disks: hash trees, partition tables, FAT32.

mod delivered;
mod fat;
mod fat_hostile;
mod fixture;
mod fsverity;
mod gpt;
mod gpt_hostile;
mod release;
mod verity;
