//! The admin API under /admin/v1: operators create, read, change and delete what a tenant has.
