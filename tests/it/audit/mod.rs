//! `karat audit`: a history of signatures, made by code, and what is said about it.

mod commands;
mod files;
mod history;
mod referee;
mod roots;
mod rules;
mod story;
