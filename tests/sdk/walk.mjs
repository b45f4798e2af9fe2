// The official JavaScript SDK against the sandbox: log in, page a query to its end, run a job, print what was found as JSON.
import { createRequire } from "node:module";

const [, , folder, url, id, secret, interval] = process.argv;
const require = createRequire(`${folder}/package.json`);
const platform = require("purecloud-platform-client-v2");
const { hostname, port } = new URL(url);

const client = platform.ApiClient.instance;
client.setGateway({ host: hostname, protocol: "http", port: Number(port), path_params_login: "", path_params_api: "" });
await client.loginClientCredentialsGrant(id, secret);
const api = new platform.AnalyticsApi();

const byPages = [];
for (let pageNumber = 1; ; pageNumber += 1) {
  const page = await api.postAnalyticsConversationsDetailsQuery({ interval, paging: { pageSize: 100, pageNumber } });
  if (!page.conversations) break;
  byPages.push(...page.conversations);
}

const { jobId } = await api.postAnalyticsConversationsDetailsJobs({ interval, startOfDayIntervalMatching: true });
let status;
do {
  status = await api.getAnalyticsConversationsDetailsJob(jobId);
} while (status.state !== "FULFILLED");
const byJob = [];
let cursor;
do {
  const page = await api.getAnalyticsConversationsDetailsJobResults(jobId, { pageSize: 70, ...(cursor && { cursor }) });
  byJob.push(...(page.conversations ?? []));
  cursor = page.cursor;
} while (cursor);

console.log(JSON.stringify({ byPages, byJob }));
