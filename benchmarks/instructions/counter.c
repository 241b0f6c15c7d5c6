/* A plugin of QEMU's user-mode emulator: executed AArch64 instructions by class, told at marks that the guest sets.

   usage: QEMU_PLUGIN=file=counter.so,out=FILE qemu-aarch64 PROGRAM

   A mark is the system call ioctl on the file number MARK + k, with k below 65536, which no program has open: the
   kernel refuses it, and nothing is changed. Each mark adds a line to FILE: k, the number of threads that the guest
   has, and the instructions that were executed until then, by class. The first line names these columns.

   Debian does not package qemu-plugin.h, so what is needed of it is declared here: version 1 of the interface, which
   QEMU 6.0 to 8.2 has. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*translated_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*thread_t)(qemu_plugin_id_t, unsigned int);
typedef void (*called_t)(qemu_plugin_id_t, unsigned int, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                         uint64_t, uint64_t, uint64_t);

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated_t);
extern void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t, thread_t);
extern void qemu_plugin_register_vcpu_exit_cb(qemu_plugin_id_t, thread_t);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t, called_t);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

SHOWN int qemu_plugin_version = 1;

#define IOCTL 29 /* of AArch64 Linux */
#define MARK 0x5edc0000u

enum class { MAC, SIMD, LOAD, STORE, BRANCH, INTEGER, OTHER, CLASSES };
SHOWN const char *const class_names[] = {"mac", "simd", "load", "store", "branch", "integer", "other", NULL};

static uint64_t executed[CLASSES];
static int threads;
static FILE *out;

/* Bits high to low of a word. */
static uint32_t bits(uint32_t word, int high, int low)
{
    return word >> low & ((1u << (high - low + 1)) - 1);
}

static bool is(uint32_t word, uint32_t mask, uint32_t value)
{
    return (word & mask) == value;
}

/* Whether the opcode is one of those whose bits are set. */
static bool among(uint32_t opcode, uint32_t set)
{
    return set >> opcode & 1;
}

/* Names in brackets are those of the groups in the Arm Architecture Reference Manual (DDI 0487), section C4.1, "A64
   instruction set encoding". */

/* Products that are added to or taken from what is in the destination or a third register. */
static bool multiplies_and_adds(uint32_t word)
{
    bool u = bits(word, 29, 29);

    /* [Floating-point data-processing (3 source)]: FMADD, FMSUB, FNMADD, FNMSUB */
    if (is(word, 0xff000000, 0x1f000000))
        return true;
    /* [Advanced SIMD three same]: MLA and MLS; FMLA and FMLS; FMLAL and FMLSL, FMLAL2 and FMLSL2 */
    if (is(word, 0x9f200400, 0x0e200400)) {
        uint32_t opcode = bits(word, 15, 11);
        return opcode == 0x12 || opcode == 0x19 || (opcode == 0x1d && !u);
    }
    /* [Advanced SIMD three same (FP16)]: FMLA, FMLS */
    if (is(word, 0x9f60c400, 0x0e400400))
        return bits(word, 13, 11) == 1 && !u;
    /* [Advanced SIMD three-register extension] and its scalar form: dot and matrix products, SQRDMLAH, SQRDMLSH, FCMLA;
       not FCADD */
    if (is(word, 0x9f208400, 0x0e008400) || is(word, 0xdf208400, 0x5e008400))
        return !among(bits(word, 14, 11), 1u << 0xc | 1u << 0xe);
    /* [Advanced SIMD three different] and its scalar form: SMLAL, SMLSL, SQDMLAL, SQDMLSL, UMLAL, UMLSL */
    if (is(word, 0x9f200c00, 0x0e200000) || is(word, 0xdf200c00, 0x5e200000))
        return among(bits(word, 15, 12), 0xf00);
    /* [Advanced SIMD vector x indexed element] and its scalar form: without MUL, xMULL, SQDMULL, xMULH, FMUL, FMULX */
    if (is(word, 0x9f000400, 0x0f000000) || is(word, 0xdf000400, 0x5f000000))
        return among(bits(word, 15, 12), u ? 0xf1ff : 0xc0ff);
    return false;
}

static enum class of_load_or_store(uint32_t word)
{
    bool load = bits(word, 22, 22);
    bool vector = bits(word, 26, 26);
    uint32_t opcode = bits(word, 23, 22);

    /* [Load register (literal)], where PRFM has the place of a fourth size */
    if (is(word, 0x3b000000, 0x18000000))
        return bits(word, 31, 30) == 3 && !vector ? OTHER : LOAD;
    /* [LDAPR/STLR (unscaled immediate)] */
    if (is(word, 0x3f200c00, 0x19000000))
        return opcode ? LOAD : STORE;
    /* [Compare and swap] and its pair: they read, and perhaps write */
    if (is(word, 0x3fa07c00, 0x08a07c00) || is(word, 0xbfa07c00, 0x08207c00))
        return LOAD;
    /* [Load/store exclusive register], [ordered], [register pair], [Advanced SIMD structures] */
    if (is(word, 0x3f000000, 0x08000000) || is(word, 0x3a000000, 0x28000000) || is(word, 0xbe000000, 0x0c000000))
        return load ? LOAD : STORE;
    /* [Load/store register] with every kind of address, [Atomic memory operations], which read and write */
    if (is(word, 0x3a000000, 0x38000000)) {
        if (vector)
            return load ? LOAD : STORE;
        if (is(word, 0x3b200c00, 0x38200000) || is(word, 0x3b200400, 0x38200400))
            return LOAD;
        if (bits(word, 31, 30) == 3 && opcode == 2)
            return OTHER; /* PRFM */
        return opcode ? LOAD : STORE;
    }
    return OTHER;
}

static enum class of_branch_or_system(uint32_t word)
{
    /* [Conditional], [Unconditional (register)], [(immediate)], [Compare and branch], [Test and branch]; the rest are
       system calls, barriers, hints and system registers */
    bool jumps = is(word, 0xfe000000, 0x54000000) || is(word, 0xfe000000, 0xd6000000) ||
                 is(word, 0x7c000000, 0x14000000) || is(word, 0x7c000000, 0x34000000);
    return jumps ? BRANCH : OTHER;
}

/* The class of an A64 instruction: an index into class_names. */
SHOWN int class_of(uint32_t word)
{
    uint32_t group = bits(word, 28, 25);

    if ((group & 5) == 4)
        return of_load_or_store(word);
    if ((group & 7) == 7)
        return multiplies_and_adds(word) ? MAC : SIMD;
    if ((group & 14) == 8 || (group & 7) == 5)
        return INTEGER;
    if ((group & 14) == 10)
        return of_branch_or_system(word);
    return OTHER;
}

/* A block of instructions that always run one after the other is counted as a whole when it is entered. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    uint64_t found[CLASSES] = {0};
    size_t length = qemu_plugin_tb_n_insns(block);

    (void)id;
    for (size_t i = 0; i < length; i++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
        found[class_of(word)]++;
    }
    for (int k = 0; k < CLASSES; k++)
        if (found[k])
            qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed[k], found[k]);
}

static void began(qemu_plugin_id_t id, unsigned int which)
{
    (void)id, (void)which;
    __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
}

static void ended(qemu_plugin_id_t id, unsigned int which)
{
    (void)id, (void)which;
    __atomic_sub_fetch(&threads, 1, __ATOMIC_RELAXED);
}

static void called(qemu_plugin_id_t id, unsigned int which, int64_t number, uint64_t file, uint64_t a2, uint64_t a3,
                   uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)which, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != IOCTL || ((uint32_t)file & 0xffff0000u) != MARK)
        return;
    fprintf(out, "%u %d", (unsigned)(file & 0xffff), threads);
    for (int k = 0; k < CLASSES; k++)
        fprintf(out, " %llu", (unsigned long long)executed[k]);
    fprintf(out, "\n");
    /* A forked guest must not inherit lines that were not written yet. */
    fflush(out);
}

SHOWN int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const char *path = NULL;

    (void)info;
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            path = argv[i] + 4;
    out = path ? fopen(path, "we") : NULL;
    if (!out)
        return -1;
    fprintf(out, "mark threads");
    for (int k = 0; k < CLASSES; k++)
        fprintf(out, " %s", class_names[k]);
    fprintf(out, "\n");
    fflush(out);
    qemu_plugin_register_vcpu_init_cb(id, began);
    qemu_plugin_register_vcpu_exit_cb(id, ended);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
