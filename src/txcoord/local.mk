# src/txcoord
