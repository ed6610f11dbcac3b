/*
 * The least that a TCMU handler can do: the limit that the kernel's ring itself
 * sets, for others to be measured by.
 *
 *	ceiling [--copy] [--spin LOOKS] /dev/uioN BYTES
 *
 * serves the device of one ring as a disk of BYTES bytes, in one thread. READ
 * and WRITE are answered GOOD and their data left alone; with --copy there is a
 * buffer of the disk's size that they copy from and to. Before it sleeps it
 * looks LOOKS times more whether the ring has something (0: it sleeps at once).
 * SIGUSR1, and SIGTERM, which ends it, make it print what it has done.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define __LINUX_UIO_H /* its struct iovec is the C library's too */
#include <linux/target_core_user.h>

enum { BLOCK = 512, GOOD = 0, CHECK_CONDITION = 2 };

static int uio;
static struct tcmu_mailbox *ring;	/* mailbox, commands and data, as mapped */
static uint64_t size;			/* of the disk */
static uint8_t *data;			/* what is on it; NULL: nothing is copied */
static volatile sig_atomic_t tell, stop;
static struct { unsigned long commands, doorbells, wakeups; } did;

static void on_signal(int sig)
{
	tell = 1;
	stop |= sig == SIGTERM;
}

static void print(void)
{
	tell = 0;
	printf("commands %lu doorbells %lu wake-ups %lu CPU %.6f s\n", did.commands, did.doorbells, did.wakeups,
	       (double)clock() / CLOCKS_PER_SEC);
	fflush(stdout);
}

/* number reads n bytes of a CDB. */
static uint64_t number(const uint8_t *cdb, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *cdb++;
	return v;
}

/* fail answers CHECK CONDITION, ILLEGAL REQUEST with a code and its qualifier. */
static uint8_t fail(struct tcmu_cmd_entry *e, uint8_t asc)
{
	uint8_t sense[TCMU_SENSE_BUFFERSIZE] = { [0] = 0x70, [2] = 0x05, [7] = 10, [12] = asc };

	memcpy(e->rsp.sense_buffer, sense, sizeof sense);
	return CHECK_CONDITION;
}

/* move copies len bytes between buf and the data of a command, or as many as that has, and zeroes what is left of it. */
static uint8_t move(struct tcmu_cmd_entry *e, uint8_t *buf, uint64_t len, bool write)
{
	for (uint32_t i = 0; i < e->req.iov_cnt; i++) {
		uint8_t *at = (uint8_t *)ring + (uintptr_t)e->req.iov[i].iov_base;
		uint64_t all = e->req.iov[i].iov_len, n = all < len ? all : len;

		if (write) {
			memcpy(buf, at, n);
		} else {
			memcpy(at, buf, n);
			memset(at + n, 0, all - n);
		}
		buf += n;
		len -= n;
	}
	return GOOD;
}

static uint8_t read_write(struct tcmu_cmd_entry *e, uint64_t lba, uint64_t blocks, bool write)
{
	if (lba > size / BLOCK || blocks > size / BLOCK - lba)
		return fail(e, 0x21); /* LOGICAL BLOCK ADDRESS OUT OF RANGE */
	return data ? move(e, data + lba * BLOCK, blocks * BLOCK, write) : GOOD;
}

static uint8_t inquiry(struct tcmu_cmd_entry *e, const uint8_t *cdb)
{
	uint8_t standard[37] = "\0\0\6\2\37\0\0\2tcmud   ceiling         1   ";
	uint8_t pages[] = { 0, 0, 0, 1, 0 };

	if (!(cdb[1] & 1))
		return move(e, standard, 36, false);
	return cdb[2] ? fail(e, 0x24) : move(e, pages, sizeof pages, false);
}

static uint8_t capacity10(struct tcmu_cmd_entry *e)
{
	uint32_t last = size / BLOCK > UINT32_MAX ? UINT32_MAX : size / BLOCK - 1, answer[] = { htobe32(last), htobe32(BLOCK) };

	return move(e, (uint8_t *)answer, sizeof answer, false);
}

static uint8_t capacity16(struct tcmu_cmd_entry *e)
{
	uint64_t answer[] = { htobe64(size / BLOCK - 1), htobe64((uint64_t)BLOCK << 32), 0, 0 };

	return move(e, (uint8_t *)answer, sizeof answer, false);
}

/* run does a command, and returns its status. It knows what Linux must have to make a disk of us. */
static uint8_t run(struct tcmu_cmd_entry *e)
{
	const uint8_t *cdb = (uint8_t *)ring + e->req.cdb_off;
	uint8_t mode6[] = { 3, 0, 0, 0 }, mode10[] = { 0, 6, 0, 0, 0, 0, 0, 0 };

	switch (cdb[0]) {
	case 0x28: return read_write(e, number(cdb + 2, 4), number(cdb + 7, 2), false);
	case 0x2a: return read_write(e, number(cdb + 2, 4), number(cdb + 7, 2), true);
	case 0x88: return read_write(e, number(cdb + 2, 8), number(cdb + 10, 4), false);
	case 0x8a: return read_write(e, number(cdb + 2, 8), number(cdb + 10, 4), true);
	case 0x12: return inquiry(e, cdb);
	case 0x25: return capacity10(e);
	case 0x9e: return (cdb[1] & 0x1f) == 0x10 ? capacity16(e) : fail(e, 0x20);
	case 0x1a: return move(e, mode6, sizeof mode6, false);
	case 0x5a: return move(e, mode10, sizeof mode10, false);
	case 0x00: case 0x35: case 0x91: return GOOD; /* TEST UNIT READY, SYNCHRONIZE CACHE (10), (16) */
	}
	return fail(e, 0x20); /* INVALID COMMAND OPERATION CODE */
}

/* serve answers all that is in the ring, each command in its own place, and tells the kernel once. */
static void serve(uint32_t head)
{
	uint32_t tail = ring->cmd_tail, told = 0;

	while (tail != head) {
		struct tcmu_cmd_entry *e = (void *)((uint8_t *)ring + ring->cmdr_off + tail);

		if (tcmu_hdr_get_op(e->hdr.len_op) == TCMU_OP_CMD) {
			e->rsp.scsi_status = run(e);
			did.commands++;
		} else if (tcmu_hdr_get_op(e->hdr.len_op) != TCMU_OP_PAD) {
			e->hdr.uflags |= TCMU_UFLAG_UNKNOWN_OP;
		}
		tail = (tail + tcmu_hdr_get_len(e->hdr.len_op)) % ring->cmdr_size;
	}
	__atomic_store_n(&ring->cmd_tail, tail, __ATOMIC_RELEASE);
	if (write(uio, &told, sizeof told) != sizeof told)
		err(1, "doorbell");
	did.doorbells++;
}

static uint32_t head(void) { return __atomic_load_n(&ring->cmd_head, __ATOMIC_ACQUIRE); }

/* nap sleeps until the kernel has put something into the ring, or a signal comes: only here do they. */
static void nap(void)
{
	struct pollfd p = { .fd = uio, .events = POLLIN };
	sigset_t none;
	int32_t events;

	sigemptyset(&none);
	if (ppoll(&p, 1, NULL, &none) > 0) {
		if (read(uio, &events, sizeof events) != sizeof events)
			err(1, "the device has gone");
		did.wakeups++;
	} else if (errno != EINTR) {
		err(1, "ppoll");
	}
}

static void loop(unsigned long spin)
{
	unsigned long look = 0;

	while (!stop) {
		uint32_t h = head();

		if (h != ring->cmd_tail) {
			serve(h);
			look = 0;
		} else if (look++ >= spin) {
			nap();
			look = 0;
		}
		if (tell)
			print();
	}
}

static uint64_t map_size(const char *device)
{
	char path[128];
	unsigned long long n;
	FILE *f;

	snprintf(path, sizeof path, "/sys/class/uio/%s/maps/map0/size", strrchr(device, '/') + 1);
	if (!(f = fopen(path, "r")) || fscanf(f, "%llx", &n) != 1)
		err(1, "%s", path);
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	const struct option options[] = { { "copy", no_argument, NULL, 'c' }, { "spin", required_argument, NULL, 's' }, { 0 } };
	const struct sigaction action = { .sa_handler = on_signal };
	unsigned long spin = 0;
	bool copy = false;
	sigset_t ours;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'c')
			copy = true;
		else if (o == 's')
			spin = strtoul(optarg, NULL, 0);
		else
			return 2; /* getopt has said why */
	}
	if (argc - optind != 2 || !strchr(argv[optind], '/') || !(size = strtoull(argv[optind + 1], NULL, 0)))
		errx(2, "usage: ceiling [--copy] [--spin LOOKS] /dev/uioN BYTES");
	if (copy && !(data = calloc(1, size)))
		err(1, "%ju bytes", (uintmax_t)size);
	if ((uio = open(argv[optind], O_RDWR | O_CLOEXEC)) < 0)
		err(1, "%s", argv[optind]);
	ring = mmap(NULL, map_size(argv[optind]), PROT_READ | PROT_WRITE, MAP_SHARED, uio, 0);
	if (ring == MAP_FAILED)
		err(1, "mmap %s", argv[optind]);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigemptyset(&ours);
	sigaddset(&ours, SIGUSR1);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	loop(spin);
	return 0;
}
