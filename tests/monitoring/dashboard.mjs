// The dashboard by Grafana's own types: dashboard.mjs DASHBOARD MODULES.  A
// member that Grafana does not know is an error, as is a wrong value.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [file, modules] = process.argv.slice(2);
const ts = createRequire(`${modules}/`)('typescript');

// The types of options and custom fields depend on the plugin of the panel;
// those of queries of Prometheus are not in the package.

const types = `
import type { AnnotationQuery, Dashboard, DataSourceRef, FieldConfigSource, Panel, RowPanel, VariableModel }
    from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as TimeSeries
    from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

interface Query { refId: string; datasource: DataSourceRef; expr: string; legendFormat: string;
    range: boolean; instant: boolean; interval?: string; }

interface Annotation extends AnnotationQuery { expr: string; titleFormat: string; textFormat: string; step: string; }

interface Variable extends VariableModel { definition?: string; }

type Fields<F> = Omit<FieldConfigSource, 'defaults'>
    & { defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: F } };

type Of<O, F> = Omit<Panel, 'options' | 'fieldConfig' | 'targets'>
    & { options: O; fieldConfig: Fields<F>; targets: Query[] };

type Rest = Omit<Dashboard, 'annotations' | 'panels' | 'templating'>;
`;

const panel_types = {
    row: 'RowPanel',
    stat: 'Of<Stat.Options, Record<string, never>>',
    timeseries: 'Of<TimeSeries.Options, TimeSeries.FieldConfig>',
};

const { annotations, panels, templating, ...rest } = JSON.parse(readFileSync(file, 'utf8'));

const parts = [
    ['Rest', rest, 'the dashboard'],
    ...annotations.list.map(part => ['Annotation', part, `annotation "${part.name}"`]),
    ...templating.list.map(part => ['Variable', part, `variable "${part.name}"`]),
    ...panels.map(part => [panel_types[part.type] ?? 'never', part, `panel "${part.title}"`]),
];

// each part is a line, so that the line of an error is its number

const lines = parts.map(([type, part], i) => `export const part${i}: Json<${type}> = ${JSON.stringify(part)};`);
const source = `${modules}/check/dashboard.ts`;

mkdirSync(`${modules}/check`, { recursive: true });
writeFileSync(source, `${lines.join('\n')}\n${types}`);

const program = ts.createProgram([source], {
    exactOptionalPropertyTypes: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ESNext,
    types: [],
});

const errors = ts.getPreEmitDiagnostics(program);

for (const error of errors) {
    const line = error.file?.getLineAndCharacterOfPosition(error.start).line;
    const part = error.file?.fileName.endsWith('/check/dashboard.ts') && parts[line];

    console.log(`${part ? part[2] : 'the types'}: ${ts.flattenDiagnosticMessageText(error.messageText, '\n  ')}`);
}

console.log(`${file}: ${parts.length} parts, ${errors.length} errors`);
process.exitCode = errors.length ? 1 : 0;
