/* How many rounds the two builds make and what they must compute; `make -C guests verify` recomputes it. */
#define ROUNDS_SMALL 17UL
#define CHECKSUM_SMALL 0xa97743e5507877aeUL
#define ROUNDS_FULL 2100UL
#define CHECKSUM_FULL 0xacebf37cd91747c3UL
