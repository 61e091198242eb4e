# src/txctl
