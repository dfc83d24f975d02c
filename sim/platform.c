/* A star zone (routing="Cluster" in XML): every host has links of its own, up and down, and no link is shared, which keeps
 * routes and the max-min solver linear (a backbone, FATPIPE or not, makes the solver quadratic or worse). */
#include "sim/fluid.h"

static double limited(double bytes_per_s) { return bytes_per_s > 0 ? bytes_per_s : SWISD_SIM_BANDWIDTH_UNLIMITED; }

/* Hosts, then the gateways of sites, whose latencies are added elsewhere, then one without limits. */
static void write_host(const struct swisd_sim_config *config, uint32_t h, FILE *out)
{
  static const struct swisd_sim_host unlimited = {.slots = 1};
  const bool is_host = h < config->host_count;
  const struct swisd_sim_host *host = is_host                                       ? &config->hosts[h]
                                      : h - config->host_count < config->site_count ? &config->sites[h - config->host_count]
                                                                                    : &unlimited;
  /* Speeds in units of one flop per second, the first the normal one: an amount is then seconds of a slot. */
  fprintf(out, "<host id=\"h%u\" core=\"%u\" speed=\"1f", h, is_host ? host->slots : 1);
  for (uint32_t f = 0; f < config->factor_count; f++)
    fprintf(out, ",%.17gf", config->factors[f]);
  fprintf(out, "\"/><link id=\"u%u\" bandwidth=\"%.17gBps\" latency=\"%.17gs\"/>", h, limited(host->up_bytes_per_s),
          is_host ? host->latency_up_s : 0);
  fprintf(out, "<link id=\"d%u\" bandwidth=\"%.17gBps\" latency=\"%.17gs\"/>\n", h, limited(host->down_bytes_per_s),
          is_host ? host->latency_down_s : 0);
}

void swisd_sim_write_platform(const struct swisd_sim_config *config, FILE *out)
{
  fputs("<?xml version='1.0'?>\n<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
        "<platform version=\"4.1\"><zone id=\"star\" routing=\"Cluster\">\n"
        "<host id=\"driver\" speed=\"1Gf\"/><link id=\"ldriver\" bandwidth=\"1GBps\" latency=\"1us\"/>\n",
        out);
  const uint32_t last = config->host_count + (config->site_count > 0 ? config->site_count + 1 : 0);
  for (uint32_t h = 0; h < last; h++)
    write_host(config, h, out);
  fputs("<host_link id=\"driver\" up=\"ldriver\" down=\"ldriver\"/>\n", out);
  for (uint32_t h = 0; h < last; h++)
    fprintf(out, "<host_link id=\"h%u\" up=\"u%u\" down=\"d%u\"/>\n", h, h, h);
  fputs("</zone></platform>\n", out);
}
