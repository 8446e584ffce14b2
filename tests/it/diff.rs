//! Differences between two baselines.
