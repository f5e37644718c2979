/* A plugin of QEMU (plugin API, version 1 or later) that counts executed instructions from the
 * entry of one function to the return to another, in all and by stages.
 *
 * Arguments: out=FILE, main=FIRST:END (addresses of the function that is returned to),
 * stage=ADDRESS for each function whose entry begins a stage; the first one begins a count.
 * For each count FILE gets a line of decimal numbers, one a stage.
 *
 * A block of instructions is left before its end only by exceptions, which counted code has none
 * of. The declarations are those of QEMU's documentation of the interface. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int, void *);
typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, qemu_plugin_vcpu_tb_trans_cb_t);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, qemu_plugin_vcpu_udata_cb_t,
                                          int flags, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, qemu_plugin_udata_cb_t, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);

#define EXPORT __attribute__((visibility("default")))
#define MOST_STAGES 4096

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

typedef struct {
    uint64_t address;
    uint64_t instructions;
    long stage; /* that begins here, or -1 */
    int ends;   /* whether a count ends here */
} block;

static FILE *out;
static uint64_t main_first, main_end;
static uint64_t stages[MOST_STAGES], counts[MOST_STAGES];
static long stage_count, stage = -1;

static void on_block(unsigned int cpu, void *data)
{
    const block *b = data;
    (void)cpu;
    if (b->ends && stage >= 0) {
        for (long i = 0; i < stage_count; i++) {
            fprintf(out, "%s%" PRIu64, i ? " " : "", counts[i]);
            counts[i] = 0;
        }
        fputc('\n', out);
        stage = -1;
    }
    if (b->stage == 0 || (stage >= 0 && b->stage > 0))
        stage = b->stage;
    if (stage >= 0)
        counts[stage] += b->instructions;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    /* QEMU may run a block until it ends: it is never freed. */
    block *b = malloc(sizeof *b);
    (void)id;
    if (b == NULL)
        abort();
    b->address = qemu_plugin_tb_vaddr(tb);
    b->instructions = qemu_plugin_tb_n_insns(tb);
    b->ends = b->address >= main_first && b->address < main_end;
    b->stage = -1;
    for (long i = 0; i < stage_count; i++) {
        if (stages[i] == b->address)
            b->stage = i;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, b);
}

static void on_end(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fclose(out);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (sscanf(argv[i], "main=%" SCNx64 ":%" SCNx64, &main_first, &main_end) == 2) {
            continue;
        } else if (stage_count == MOST_STAGES ||
                   sscanf(argv[i], "stage=%" SCNx64, &stages[stage_count++]) != 1) {
            return 1;
        }
    }
    if (out == NULL || stage_count == 0)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
